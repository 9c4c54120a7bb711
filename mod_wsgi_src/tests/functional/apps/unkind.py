# SPDX-License-Identifier: Apache-2.0
"""Applications that break the rules, or come near. The path chooses the function, the query is its argument."""

import os
import sys
import tempfile
import threading
from urllib.parse import parse_qs

PLAIN = [("Content-Type", "text/plain")]
counts = {}  # how often something was done, by the name in the query
kept = {}  # what an application did not let go


def argument(environ, name="n", default=""):
    return parse_qs(environ["QUERY_STRING"]).get(name, [default])[0]


def count(environ, start_response):
    start_response("200 OK", PLAIN)
    return [str(counts.get(argument(environ), 0)).encode()]


class Body:
    """Counts its items and its close()."""

    def __init__(self, name, items, fail_in_close=False):
        self.name, self.items, self.fail_in_close = name, iter(items), fail_in_close

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        counts[f"{self.name} items"] = counts.get(f"{self.name} items", 0) + 1
        return item

    def close(self):
        counts[f"{self.name} closed"] = counts.get(f"{self.name} closed", 0) + 1
        if self.fail_in_close:
            raise RuntimeError("close failed on purpose")


def failing(items):
    yield from items
    raise RuntimeError("failed on purpose")


# --- exceptions ---


def raises(environ, start_response):
    """At the place that the query names."""
    place, name = argument(environ, "at"), argument(environ)
    if place == "entry":
        raise RuntimeError("failed on purpose")
    fields = [*PLAIN, ("Content-Length", "100")] if place == "length" else PLAIN
    write = start_response("200 OK", fields)
    if place == "start":
        raise RuntimeError("failed on purpose")
    if place == "write":
        write(b"written")
        raise RuntimeError("failed on purpose")
    return Body(name, failing([] if place == "first" else [b"some", b"thing"]), place == "close")


def closes(environ, start_response):
    start_response("200 OK", PLAIN)
    return Body(argument(environ), [b"whole"], argument(environ, "fail") == "yes")


def without_close(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter([b"who", b"le"])


# --- start_response and write ---


def late_exc_info(environ, start_response):
    """exc_info before or after output."""
    write = start_response("200 OK", PLAIN)
    if argument(environ, "sent") == "yes":
        write(b"sent")
    try:
        raise ValueError("noticed")
    except ValueError:
        start_response("500 Noticed", [*PLAIN, ("X-Second", "1")], sys.exc_info())
    return [b"replaced"]


def mixed(environ, start_response):
    write = start_response("200 OK", PLAIN)
    write(b"one ")
    write(b"two ")

    def rest():
        write(b"three ")
        yield b"four "
        write(b"five ")
        yield b"six"

    return rest()


def after_the_end(environ, start_response):
    """Keeps everything of its request."""
    write = start_response("200 OK", PLAIN)
    environ["wsgi.input"].read(1)
    kept.update(environ=environ, start_response=start_response, write=write)
    return [b"kept"]


def uses_kept(environ, start_response):
    """What is left of an ended request, from this thread and from another one."""
    old = kept["environ"]["wsgi.input"]
    uses = [old.read, old.readline, lambda: list(old), lambda: kept["write"](b"x")]
    uses += [lambda: kept["start_response"]("200 OK", []), lambda: print("still", file=kept["environ"]["wsgi.errors"])]
    found = []

    def use_all():
        for use in uses:
            try:
                use()
                found.append("worked")
            except RuntimeError:
                found.append("RuntimeError")

    use_all()
    thread = threading.Thread(target=use_all)
    thread.start()
    thread.join()
    start_response("200 OK", PLAIN)
    return [repr(found).encode()]


def other_thread(environ, start_response):
    """The body is read by a thread, which goes on when the request is over."""
    done = threading.Event()
    found = []

    def read():
        try:
            while piece := environ["wsgi.input"].read(1000):
                found.append(len(piece))
        except (OSError, RuntimeError) as error:
            found.append(type(error).__name__)
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    if argument(environ, "wait") == "yes":
        done.wait(20)
    start_response("200 OK", PLAIN)
    return [str(sum(n for n in found if isinstance(n, int))).encode()]


# --- bodies ---


def item(environ, start_response):
    start_response("200 OK", PLAIN)
    items = [eval(argument(environ, "item"))]
    return iter([b"first", *items]) if argument(environ, "second") else items


def empties(environ, start_response):
    start_response("200 OK", PLAIN)
    return iter([b"", b"", b"a", b"", b"b", b""])


def small_ones(environ, start_response):
    start_response("200 OK", PLAIN)
    number = int(argument(environ))
    return [b"x"] * number if argument(environ, "kind") == "list" else (b"x" for _ in range(number))


def large_one(environ, start_response):
    start_response("200 OK", PLAIN)
    return [bytes(int(argument(environ)) << 20)]


def head(environ, start_response):
    """start_response with whatever the test wants."""
    start_response(eval(argument(environ, "status", "'200 OK'")), eval(argument(environ, "fields", "[]")))
    return [argument(environ, "body", "body").encode()]


def length(environ, start_response):
    """A body in pieces with a Content-Length that may not fit."""
    start_response(argument(environ, "status", "200 OK"), [*PLAIN, ("Content-Length", argument(environ))])
    pieces = [b"12345", b"67890"]
    return iter(pieces) if argument(environ, "kind") == "generator" else pieces


# --- files ---


def file(environ, start_response):
    wrapper, path, kind = environ["wsgi.file_wrapper"], argument(environ, "file"), argument(environ, "kind")
    stream = open(path, "rb")  # noqa: SIM115 - the server closes it
    start_response("200 OK", PLAIN)
    if kind == "closed":
        stream.close()
    if kind == "fake":
        stream.close()
        return wrapper(Fake(), 10)
    if kind == "shrinks":
        body = wrapper(stream)
        os.truncate(path, 1000)
        return body
    if kind == "temporary":
        with open(path, "rb") as source, tempfile.NamedTemporaryFile() as copy:
            copy.write(source.read())
            copy.flush()
            return wrapper(open(copy.name, "rb"))
    stream.seek(int(argument(environ, "offset", "0")))
    return wrapper(stream)


class Fake:
    """Says that it is standard input, and is not."""

    def __init__(self):
        self.left = [b"not from ", b"a descriptor"]

    def read(self, size):
        return self.left.pop(0) if self.left else b""

    def fileno(self):
        return 0


def endless(environ, start_response):
    start_response("200 OK", PLAIN)
    return Body(argument(environ), iter(lambda: b"x" * 8192, None))


def application(environ, start_response):
    return globals()[environ["PATH_INFO"].strip("/")](environ, start_response)
