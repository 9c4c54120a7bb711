# SPDX-License-Identifier: Apache-2.0
"""Requests that use much of the server, for the test that memory runs out somewhere in them."""

import mod_wsgi

TEXT = [("Content-Type", "text/plain"), ("X-One", "1")]


@mod_wsgi.subscribe_events
def reply(name, **details):
    return {"seen": name}


def whole(environ, start_response):
    """Reads a body, writes, logs, and answers by an iterable."""
    body = environ["wsgi.input"]
    taken = body.read(3) + body.readline() + b"".join(body)
    environ["wsgi.errors"].write(f"{len(taken)} bytes\n")
    write = start_response("200 OK", TEXT)
    write(taken)
    return iter([b"one", b"two"])


def short(environ, start_response):
    start_response("200 OK", TEXT)
    return [b"one", b"two"]
