# SPDX-License-Identifier: Apache-2.0
"""Clients that leave, say too much or too little, or come in crowds: none of them harms the others."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from harness.client import Connection
from harness.server import Httpd
from harness.waiting import until

Serve = Callable[..., Httpd]

# The application tells what became of each request's body.
READER = """
import os

state = {"entered": 0, "whole": 0, "lost": 0}

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/careless":  # answers whatever becomes of the body
        try:
            answer = str(len(environ["wsgi.input"].read()))
        except OSError as error:
            answer = repr(error)
    elif path == "/pid":
        answer = str(os.getpid())
    elif path == "/state":
        answer = repr(state)
    elif path == "/ignore":
        answer = "ignored"
    elif path == "/refuse":
        start_response("413 Too Much", [("Content-Type", "text/plain")])
        return [b"refused"]
    else:
        state["entered"] += 1
        size = 0
        try:
            while piece := environ["wsgi.input"].read(4096):
                size += len(piece)
        except OSError:
            state["lost"] += 1
            raise
        state["whole"] += 1
        answer = str(size)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer.encode()]
"""


@pytest.fixture(scope="module")
def reader(mode: str, module_path: Path) -> Iterator[Httpd]:
    group = "WSGIApplicationGroup %{GLOBAL}\nWSGIChunkedRequest On\nAsyncRequestWorkerFactor 100\n"
    if mode == "daemon":
        group += "WSGIDaemonProcess d processes=1 threads=4\nWSGIProcessGroup d\n"
    server = Httpd(module_path)
    try:
        server.app("reader.py", READER)
        server.configure(group + "WSGIScriptAlias / {apps}/reader.py\n")
        server.start()
        yield server
    finally:
        server.dispose()


@pytest.fixture(autouse=True)
def unharmed(reader: Httpd) -> Iterator[None]:
    """After each of them the same process serves, and nothing was told above info."""
    before, mark = reader.get("/pid").text, len(reader.log())
    yield
    assert reader.get("/ignore", timeout=5).status == 200
    assert reader.get("/pid").text == before
    assert "[wsgi:error]" not in reader.log()[mark:]
    assert "[wsgi:warn]" not in reader.log()[mark:]


def state(server: Httpd) -> dict[str, int]:
    return eval(server.get("/state").text)


def reset(connection: Connection) -> None:
    """Ends the connection with RST."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# --- leaving ---


@pytest.mark.parametrize("how", ["fin", "reset", "half-close"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [10, 200000])
def test_C4_leaves_during_an_upload(reader: Httpd, framing: str, how: str, size: int) -> None:
    before = state(reader)
    for _ in range(8):  # more than there are threads: each must be free again
        with reader.connect() as connection:
            if framing == "length":
                connection.request("POST", "/read", [("Content-Length", str(size + 50))], b"x" * size)
            else:
                body = b"%x\r\n%s" % (size + 50, b"x" * size)
                connection.request("POST", "/read", [("Transfer-Encoding", "chunked")], body)
            if how == "reset":
                reset(connection)
            elif how == "half-close":
                connection.socket.shutdown(socket.SHUT_WR)
                assert 400 <= connection.response().status < 500
                assert connection.closed_by_server()
    after = state(reader)  # a thread answers it, at once
    assert after["whole"] == before["whole"], "a cut body was taken for a whole one"
    until(lambda: (s := state(reader))["entered"] == s["whole"] + s["lost"], "every reader got its exception")


def test_D3_a_body_shorter_than_its_length(reader: Httpd) -> None:
    before = state(reader)
    for size in (0, 1, 70000):
        with reader.connect() as connection:
            connection.request("POST", "/read", [("Content-Length", str(size + 1))], b"x" * size)
            connection.socket.shutdown(socket.SHUT_WR)
            assert connection.response().status == 400
            assert connection.closed_by_server()
    assert state(reader)["whole"] == before["whole"]


# --- pipelining ---


def test_C6_a_hundred_requests_in_one_go(reader: Httpd) -> None:
    """The 51st is bad: fifty answers in order, then 400, then the end."""
    good = [f"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: {n}\r\n\r\n{'x' * n}" for n in range(50)]
    with reader.connect() as connection:
        connection.send("".join([*good, "GET / HTTP/1.1\r\nno colon\r\n\r\n", *good[1:]]).encode())
        assert [connection.response().text for _ in good] == [str(n) for n in range(50)]
        response = connection.response()
        assert (response.status, response.get("Connection")) == (400, "close")
        assert connection.closed_by_server()


# --- Expect: 100-continue ---


def expecting(connection: Connection, path: str, size: int) -> None:
    connection.request("POST", path, [("Expect", "100-continue"), ("Content-Length", str(size))])


@pytest.mark.parametrize("size", [4, 200000])
def test_C7_100_continue_only_when_the_application_reads(reader: Httpd, size: int) -> None:
    with reader.connect() as connection:
        expecting(connection, "/read", size)
        assert connection.head().status == 100
        connection.send(b"x" * size)
        response = connection.response()
        assert (response.text, response.interim) == (str(size), [])
    for path, answer in (("/ignore", "ignored"), ("/refuse", "refused")):
        with reader.connect() as connection:
            expecting(connection, path, size)
            response = connection.response()
            assert (response.text, response.interim) == (answer, [])
            # The client may send the body or not, so what follows has one meaning only on another connection.
            assert connection.closed_by_server()


# --- crowds ---


def child_descriptors(server: Httpd) -> int:
    return sum(len(os.listdir(f"/proc/{p.pid}/fd")) for p in server.processes())


def test_C8_crowds(reader: Httpd) -> None:
    reader.get("/pid")
    before = child_descriptors(reader)
    idle = [reader.connect() for _ in range(600)]
    for connection in idle:
        connection.request("GET", "/ignore")
    for connection in idle:
        assert connection.response().text == "ignored"
    for _ in range(1000):
        reader.connect().close()
    assert reader.get("/ignore", timeout=5).status == 200
    for connection in idle:
        connection.close()
    # The pool of kept connections to the daemon may have grown by as many as ran at a time.
    until(lambda: child_descriptors(reader) <= before + 2 * 16, "descriptors are given back")


# --- bodies ---

CHUNKED = "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ("5\r\nhello\r\n0\r\n\r\n", 5),
        ("5;ext=1\r\nhello\r\n0;last\r\n\r\n", 5),
        ('5;a="b;c"\r\nhello\r\n0\r\n\r\n', 5),
        ("005\r\nhello\r\n0\r\nX-Trailer: 1\r\nY: 2\r\n\r\n", 5),
        ("A\r\n0123456789\r\n0\r\n\r\n", 10),
        ("".join("1\r\nx\r\n" for _ in range(2000)) + "0\r\n\r\n", 2000),
        ("0\r\n\r\n", 0),
    ],
)  # fmt: skip
def test_D2_chunks_that_are_right(reader: Httpd, body: str, size: int) -> None:
    with reader.connect() as connection:
        connection.send((CHUNKED + body).encode())
        assert connection.response().text == str(size)
        connection.request("GET", "/ignore")
        assert connection.response().text == "ignored"


@pytest.mark.parametrize(
    "body",
    ["x\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-5\r\nhello\r\n0\r\n\r\n",
     "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n",
     "ffffffffffffffffff\r\nx\r\n0\r\n\r\n",
     "\r\n5\r\nhello\r\n0\r\n\r\n", "5,5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\nzz\r\n\r\n"],
)  # fmt: skip
def test_D2_chunks_that_are_wrong(reader: Httpd, body: str) -> None:
    before = state(reader)
    with reader.connect() as connection:
        connection.send((CHUNKED + body + "GET /ignore HTTP/1.1\r\nHost: x\r\n\r\n").encode())
        connection.socket.shutdown(socket.SHUT_WR)
        response = connection.response()
        assert response.status in (400, 413)
        assert response.body.count(b"<html>") == 1, "nothing follows the error page"
        assert connection.closed_by_server()
    assert state(reader)["whole"] == before["whole"]


def test_D2_nothing_follows_the_error_page(reader: Httpd) -> None:
    """The application catches the exception and answers; httpd has answered already."""
    with reader.connect() as connection:
        connection.send((CHUNKED.replace("/read", "/careless") + "zz\r\n").encode())
        response = connection.response()
        assert (response.status, response.body.count(b"<html>")) == (400, 1)
        assert b"Error(" not in response.body
        assert connection.closed_by_server()


def test_D2_chunks_cut_in_any_place(reader: Httpd) -> None:
    before = state(reader)
    body = "5\r\nhello\r\n0\r\nX: 1\r\n\r\n"
    for end in range(len(body) - 1):
        with reader.connect() as connection:
            connection.send((CHUNKED + body[:end]).encode())
            connection.socket.shutdown(socket.SHUT_WR)
            assert 400 <= connection.response().status < 500, end
            assert connection.closed_by_server()
    after = state(reader)
    assert after["whole"] == before["whole"], "the application took a cut body for a whole one"
