# SPDX-License-Identifier: Apache-2.0
"""httpd.conf from the model, section by section."""

from __future__ import annotations

from .model import Model
from .sections import access, application, content, hosts, logging, server, tls

SECTIONS = (
    ("Variables for included files", server.definitions),
    ("Server", server.identity),
    ("Modules", server.modules),
    ("Capacity", server.capacity),
    ("Hardening", server.hardening),
    ("Time limits", server.timeouts),
    ("HTTPS", tls.server),
    ("Logs", logging.logs),
    ("Access: nothing but what a section below grants", content.default_deny),
    ("Content types", content.types),
    ("Error pages", content.errors),
    ("Environment of requests", content.environment),
    ("Compression", content.compression),
    ("Who may in", access.access),
    ("Status page", logging.status),
    ("Other servers", content.proxies),
    ("Static files", content.aliases),
    ("Document root", content.document_root),
    ("Python", application.python),
    ("Application", application.application),
    ("Handlers of files", application.handlers),
    ("Trusted proxies", access.proxies),
    ("Requests that are no activity", access.inactivity),
    ("Services", application.services),
    ("Virtual hosts", hosts.hosts),
    ("Included files", content.includes),
)

HEADER = "# Written by mod_wsgi-express, which overwrites changes; own directives go into a file for --include-file."


def httpd_conf(model: Model) -> str:
    parts = [HEADER]
    for title, write in SECTIONS:
        lines = write(model)
        if lines:
            parts.append("\n".join(["", f"# {title}", *lines]))
    return "\n".join(parts) + "\n"
