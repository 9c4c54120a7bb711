# SPDX-License-Identifier: Apache-2.0
"""What a server without an entry point shows: that it runs, and how to give it an application."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape
from typing import Callable

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>mod_wsgi-express</title></head>
<body><h1>The server works</h1>
<p>It runs without an application. Give it one: <code>mod_wsgi-express start-server application.wsgi</code></p>
<p>Process group <code>{group}</code>, process <code>{process}</code>.</p></body></html>
"""


def application(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
    group = str(environ.get("mod_wsgi.process_group") or "embedded")
    body = PAGE.format(group=escape(group), process=os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]
