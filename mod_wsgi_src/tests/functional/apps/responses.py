# SPDX-License-Identifier: Apache-2.0
"""Every way to answer, right and wrong. The path chooses the function, the query is its argument."""

import os
import sys
import time
from urllib.parse import parse_qs

PLAIN = [("Content-Type", "text/plain")]
closed = {}  # how often close() was called, by the name in the query


def argument(environ, name="n", default=""):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


class Closing:
    """An iterable that counts its close()."""

    def __init__(self, name, items):
        self.name = name
        self.items = iter(items)
        closed[name] = 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.items)

    def close(self):
        closed[self.name] += 1


def failing(items, message="failed on purpose"):
    yield from items
    raise RuntimeError(message)


# --- right ---


def hello(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "12")])
    return [b"Hello World!"]


def pid(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]


def reason(environ, start_response):
    start_response("299 Quite Fine", PLAIN)
    return [b"x"]


def cookies(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Two", "1"), ("X-Two", "2")])
    return [b"x"]


def latin(environ, start_response):
    start_response("200 OK", [*PLAIN, ("X-Latin", "caf\xe9")])
    return [b"x"]


def pieces(environ, start_response):
    start_response("200 OK", PLAIN)
    return [b"a", b"", b"b", b"c"]


def as_tuple(environ, start_response):
    start_response("200 OK", PLAIN)
    return (b"a", b"b")


def empty(environ, start_response):
    start_response("200 OK", PLAIN)
    return []


def lazy(environ, start_response):
    """start_response only when the first item is asked for."""
    start_response("200 OK", PLAIN)
    yield b"lazy"


def writes(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"one ")
    write(b"")
    write(b"two ")
    return [b"three ", b"four"]


def big_list(environ, start_response):
    block = bytes(range(256)) * 256
    start_response("200 OK", PLAIN)
    return [block] * int(argument(environ))


def big_generator(environ, start_response):
    block = bytes(range(256)) * 256
    start_response("200 OK", PLAIN)
    for _ in range(int(argument(environ))):
        yield block


def many_small(environ, start_response):
    start_response("200 OK", PLAIN)
    for i in range(int(argument(environ))):
        yield b"%d," % i


def streaming(environ, start_response):
    """Yields the first block, then waits for a file before it goes on: only a client that got it can make the file."""
    start_response("200 OK", PLAIN)
    yield b"first"
    end = time.monotonic() + 30
    while not os.path.exists(argument(environ, "file")) and time.monotonic() < end:
        time.sleep(0.01)
    yield b"second"


def bodiless(environ, start_response):
    start_response(argument(environ, "status", "204 No Content"), [])
    return []


def redirected(environ, start_response):
    start_response("302 Found", [("Location", "http://example.org/x"), *PLAIN])
    return [b"there"]


def counted(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(argument(environ), [b"a", b"b"])


def closes(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(closed.get(argument(environ), -1)).encode()]


# --- wrong ---


def raises(environ, start_response):
    raise RuntimeError("raised before start_response")


def raises_in_iteration(environ, start_response):
    start_response("200 OK", PLAIN)
    return Closing(argument(environ), failing([b"some", b"thing"]))


def starts_twice(environ, start_response):
    start_response("200 OK", PLAIN)
    start_response("201 Again", PLAIN)
    return [b"x"]


def never_starts(environ, start_response):
    return [b"x"]


def exits(environ, start_response):
    sys.exit(3)


def short(environ, start_response):
    start_response("200 OK", [*PLAIN, ("Content-Length", "100")])
    return [b"only this"]


def item(environ, start_response):
    start_response("200 OK", PLAIN)
    return [eval(argument(environ, "item"))]


def head(environ, start_response):
    """start_response with whatever the test wants."""
    start_response(eval(argument(environ, "status")), eval(argument(environ, "fields")))
    return [b"body"]


def endless(environ, start_response):
    """Until the client is gone."""
    start_response("200 OK", PLAIN)
    return Closing(argument(environ), iter(lambda: b"x" * 8192, None))


def kills_itself(environ, start_response):
    os.kill(os.getpid(), 9)
    return []


def kills_itself_midway(environ, start_response):
    fields = [*PLAIN, ("Content-Length", argument(environ, "length"))] if argument(environ, "length") else PLAIN
    start_response("200 OK", fields)
    yield b"first piece\n"
    time.sleep(0.2)  # it is on the client's wire by then
    os.kill(os.getpid(), 9)
    yield b"never"


def sleeps(environ, start_response):
    seconds = float(argument(environ))
    time.sleep(seconds)
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/") or "hello"
    return globals()[name](environ, start_response)
