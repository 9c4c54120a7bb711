# SPDX-License-Identifier: Apache-2.0
"""Reads request bodies in every way. The path chooses the way; the answer is repr() of what was read."""

import hashlib
from urllib.parse import parse_qs

kept = []  # environs of finished requests


def argument(environ, name="n", default=""):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


def read(environ):
    return environ["wsgi.input"].read()


def reads(environ):
    """read(n) until the end, and once more."""
    stream = environ["wsgi.input"]
    pieces = []
    while piece := stream.read(int(argument(environ))):
        pieces.append(piece)
    return pieces, stream.read(5), stream.read()


def zero(environ):
    return environ["wsgi.input"].read(0), environ["wsgi.input"].read()


def lines(environ):
    return list(environ["wsgi.input"])


def readline(environ):
    stream = environ["wsgi.input"]
    return [
        stream.readline(),
        stream.readline(3),
        stream.readline(),
        stream.readline(-1),
        stream.read(2),
        stream.readline(),
    ]


def readlines(environ):
    stream = environ["wsgi.input"]
    return stream.readlines(1), stream.readlines()


def mixed(environ):
    stream = environ["wsgi.input"]
    return stream.read(2), stream.readline(), next(iter(stream)), stream.read()


def sizes(environ):
    """One pass over a large body: how much, and its digest."""
    digest, total = hashlib.sha256(), 0
    while piece := environ["wsgi.input"].read(100000):
        digest.update(piece)
        total += len(piece)
    return total, digest.hexdigest()


def ignore(environ):
    return "ignored"


def error(environ):
    """What a body that never comes whole looks like, and reading on after it."""
    found = []
    for _ in range(2):
        try:
            found.append(("read", len(environ["wsgi.input"].read())))
        except OSError as error:
            found.append(("OSError", str(error) != ""))
    return found


def keep(environ):
    environ["wsgi.input"].read(1)
    kept.append(environ)
    return "kept"


def use_kept(environ):
    found = []
    old = kept.pop()
    for use in (
        lambda: old["wsgi.input"].read(),
        lambda: old["wsgi.input"].readline(),
    ):
        try:
            use()
            found.append("worked")
        except RuntimeError:
            found.append("RuntimeError")
    return found


def application(environ, start_response):
    result = globals()[environ["PATH_INFO"].strip("/")](environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(result).encode()]
