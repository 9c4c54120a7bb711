# SPDX-License-Identifier: Apache-2.0
"""The variables MOD_WSGI_* that application and service scripts find in os.environ."""

from __future__ import annotations

# Every name that belongs to express. A value in the environment of whoever started the server means nothing: it is
# removed, so that a switch that is off is absent.
OWNED = (
    "MOD_WSGI_EXPRESS",
    "MOD_WSGI_SERVER_NAME",
    "MOD_WSGI_SERVER_ALIASES",
    "MOD_WSGI_RELOADER_ENABLED",
    "MOD_WSGI_DEBUG_MODE",
    "MOD_WSGI_DEBUGGER_ENABLED",
    "MOD_WSGI_COVERAGE_ENABLED",
    "MOD_WSGI_PROFILER_ENABLED",
    "MOD_WSGI_RECORDER_ENABLED",
    "MOD_WSGI_GDB_ENABLED",
)
