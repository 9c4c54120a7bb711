# SPDX-License-Identifier: Apache-2.0
"""The bench's application: the same six answers as bench/floor/mod_floor.c."""

from __future__ import annotations

import os

LARGE = b"x" * (1 << 20)
PIECE = b"x" * 1024
PIECES = 16
FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "file.bin")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    body = b""
    if path == "/hello":
        body = b"Hello World!"
    elif path == "/headers":
        body = str(sum(key.startswith("HTTP_X_BENCH_") for key in environ)).encode()
    elif path == "/echo":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    elif path == "/large":
        body = LARGE
    elif path == "/generator":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(PIECES * len(PIECE)))])
        return (PIECE for _ in range(PIECES))
    elif path == "/file":
        file = open(FILE, "rb")  # noqa: SIM115  # the server closes it
        size = os.fstat(file.fileno()).st_size
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(size))])
        return environ["wsgi.file_wrapper"](file, 65536)
    else:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
