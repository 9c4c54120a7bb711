# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.server import Httpd

LAB = """
WSGIScriptAlias /responses "{apps}/responses.py"
WSGIScriptAlias /inputs "{apps}/inputs.py"
WSGIScriptAlias /environment "{apps}/environment.py"
WSGIScriptAlias /logging "{apps}/logging_.py"
WSGIScriptAlias /files "{apps}/files.py"
WSGIScriptAlias /groups "{apps}/groups.py"
WSGIScriptAlias /unkind "{apps}/unkind.py"
WSGIScriptAlias /rude "{apps}/rude.py"
WSGIScriptAlias /validated "{apps}/validated.py"
WSGIChunkedRequest On
<Location /inputs/unchunked>
    WSGIChunkedRequest Off
</Location>
"""


@pytest.fixture(scope="session")
def lab(mode: str, module_path: Path) -> Iterator[Httpd]:
    """One long-lived server in each mode for the tests that only send requests. One process serves, so that an
    application can count."""
    group = "WSGIApplicationGroup %{GLOBAL}\n"
    if mode == "daemon":
        group += "WSGIDaemonProcess lab processes=1 threads=8\nWSGIProcessGroup lab\n"
    server = Httpd(module_path)
    try:
        server.configure(group + LAB)
        server.start()
        yield server
    finally:
        server.dispose()
