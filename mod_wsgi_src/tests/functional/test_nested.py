# SPDX-License-Identifier: Apache-2.0
"""Requests within a request: server-side includes in an application's response ask for applications and files again."""

from __future__ import annotations

from itertools import groupby
from typing import Callable

import pytest
from harness.server import Httpd

OUTER = """
def parts():
    yield b"a" * 16000 + b'<!--#include virtual="/inner" -->'
    yield b"b" * 9000 + b'<!--#include virtual="/static/page.html" -->'
    yield b"c" * 3000

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/html"), ("X-Outer", "yes")])
    return parts() if environ["QUERY_STRING"] == "stream" else [b"".join(parts())]
"""
INNER = """
def application(environ, start_response):
    print("inside", environ["REQUEST_URI"], file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/html"), ("X-Inner", "yes")])
    return [b"I" * 10000, b"J" * 20000]
"""


@pytest.mark.parametrize("how", ["list", "stream"])
def test_includes_of_applications(httpd: Callable[..., Httpd], mode: str, how: str) -> None:
    """The thread that sends the outer response runs the inner request: neither may disturb the other."""
    process = "WSGIDaemonProcess d threads=4\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(
        process + "WSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /outer {apps}/outer.py\nWSGIScriptAlias /inner {apps}/inner.py\nAlias /static {data}\n"
        "<Location />\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>\n"
        "<Location /static>\nWSGIAccessScript {apps}/door.py\n</Location>\n",
        start=False,
    )
    server.app("outer.py", OUTER)
    server.app("inner.py", INNER)
    server.app("door.py", "def allow_access(environ, host):\n    return True\n")
    (server.data / "page.html").write_text("S" * 50)
    server.start()
    for _ in range(2):
        response = server.get(f"/outer?{how}")
        lengths = [(letter, len(list(run))) for letter, run in groupby(response.text)]
        assert lengths == [("a", 16000), ("I", 10000), ("J", 20000), ("b", 9000), ("S", 50), ("c", 3000)]
        assert (response.status, response.complete, response.get("X-Outer")) == (200, True, "yes")
        assert response.get("X-Inner") is None
    server.wait_log("inside")
