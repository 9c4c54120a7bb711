# SPDX-License-Identifier: Apache-2.0
"""Options of the reference that are spelled otherwise here, have no effect, or are refused."""

from __future__ import annotations

from dataclasses import dataclass

# Other spellings of an option.
ALIASES = {"lang": "locale", "ssl-port": "https-port", "proxy-url-alias": "proxy-mount-point"}


@dataclass(frozen=True)
class Dropped:
    words: int  # how many the option takes
    instead: str


_AGENT = "no effect: let the application start the agent"
_TELEMETRY = (
    "no effect: figures are in mod_wsgi.request_metrics() and, with --server-metrics, mod_wsgi.server_metrics()"
)
_FLUSH = "no effect: each block of a response goes to the client when the application yields it"

# Accepted with a note.
DROPPED = {
    "enable-docs": Dropped(0, "no effect: the documents are not served"),
    "enable-telemetry": Dropped(0, _TELEMETRY),
    "newrelic-config-file": Dropped(1, _AGENT),
    "newrelic-environment": Dropped(1, _AGENT),
    "process-name": Dropped(1, "no effect: the server is shown as httpd with its configuration file"),
    "response-buffer-size": Dropped(1, _FLUSH),
    "response-flush-delay": Dropped(1, _FLUSH),
    "telemetry-ui-port": Dropped(1, _TELEMETRY),
    "with-newrelic": Dropped(0, _AGENT),
    "with-newrelic-agent": Dropped(0, _AGENT),
    "with-newrelic-platform": Dropped(0, _AGENT),
}

# Ignoring one of these would be dangerous.
REFUSED = {"with-php5": "would show the sources of PHP files; run PHP beside it and give --proxy-mount-point"}
