# SPDX-License-Identifier: Apache-2.0
"""The bench's application: the same four answers as bench/floor/mod_floor.c."""

from __future__ import annotations

LARGE = b"x" * (1 << 20)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/hello":
        body = b"Hello World!"
    elif path == "/headers":
        body = str(sum(key.startswith("HTTP_X_BENCH_") for key in environ)).encode()
    elif path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    elif path == "/large":
        body = LARGE
    else:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
