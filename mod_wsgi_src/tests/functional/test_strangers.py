# SPDX-License-Identifier: Apache-2.0
"""Bytes that do not belong: on the daemons' socket, and from clients who try to make one message look like two."""

from __future__ import annotations

import os
import random
import socket
import struct
from pathlib import Path
from typing import Callable

import pytest
from harness.server import Httpd
from harness.waiting import until

HELLO, HEAD, READ, DATA, END = 1, 2, 3, 4, 7
MAGIC, VERSION, ORDER = 0x57534749, 1, 0x01020304


@pytest.fixture(scope="module")
def server(module_path: Path) -> object:
    server = Httpd(module_path)
    try:
        server.configure(
            "WSGIDaemonProcess d processes=1 threads=2\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
            "WSGIScriptAlias / {apps}/responses.py\n"
        )
        server.start()
        yield server
    finally:
        server.dispose()


def frame(kind: int, payload: bytes, flags: int = 0, arg: int = 0, length: int | None = None) -> bytes:
    return struct.pack("=IBBH", len(payload) if length is None else length, kind, flags, arg) + payload


def hello(token: bytes = bytes(16), magic: int = MAGIC, version: int = VERSION, order: int = ORDER) -> bytes:
    return frame(HELLO, struct.pack("=IIIII16s", magic, version, order, 0, 0, token))


def head(variables: bytes = b"", body: bytes = b"") -> bytes:
    fields = struct.pack("=QqqqqIIIIII", 1, 1, 1, 0, 0, 0, 0, 1, 0, len(variables), len(body))
    return frame(HEAD, fields + variables + body)


def connect(server: Httpd) -> socket.socket:
    """To the daemons' socket, as whoever may open it: root may."""
    (path,) = (p for p in (server.root / "run").iterdir() if p.is_socket())
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


def is_refused(connection: socket.socket) -> bool:
    """The daemon closes. An ABORT frame before that is allowed, an answer is not."""
    try:
        data = b""
        while piece := connection.recv(65536):
            data += piece
    except (ConnectionResetError, BrokenPipeError):
        return True
    return b"200" not in data and b"Hello" not in data


WRONG = {
    "nothing like a frame": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a head before any hello": head(),
    "an unknown type": frame(99, b""),
    "a reserved flag": frame(HELLO, bytes(36), flags=4),
    "a hello of 4 GiB": frame(HELLO, b"", length=0xFFFFFFFF),
    "a wrong magic": hello(magic=1) + head(),
    "a wrong version": hello(version=2) + head(),
    "a wrong byte order": hello(order=0x04030201) + head(),
    "a wrong token": hello() + head(),
    "an answer instead of a question": frame(END, bytes(16)),
    "zeroes": bytes(4096),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_bytes_are_refused(server: Httpd, name: str) -> None:
    with connect(server) as connection:
        try:
            connection.sendall(WRONG[name])
            connection.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert is_refused(connection)
    assert server.get("/hello").status == 200


def test_random_bytes_kill_nobody(server: Httpd) -> None:
    before = server.get("/pid").text
    source = random.Random(1)
    good = hello() + head(b"\x01\0\0\0\x01\0\0\0k\0v\0", b"body")
    for _ in range(200):
        data = bytearray(good)
        for _ in range(source.randint(1, 5)):
            data[source.randrange(len(data))] = source.randrange(256)
        with connect(server) as connection:
            try:
                connection.sendall(bytes(data[: source.randint(1, len(data))]))
                connection.shutdown(socket.SHUT_WR)
                assert is_refused(connection)
            except (ConnectionResetError, BrokenPipeError, OSError):
                continue
    assert server.get("/pid").text == before


def test_silent_connections_hold_nobody_up(server: Httpd) -> None:
    """More of them than there are threads: some say nothing, some stop in the middle of a frame."""
    held = [connect(server) for _ in range(6)]
    for connection in held[:3]:
        try:
            connection.sendall(hello()[:10])
        except (ConnectionResetError, BrokenPipeError):
            continue
    assert server.get("/hello").status == 200
    for connection in held:
        connection.close()


# --- two messages in one ---


@pytest.mark.parametrize(
    "fields",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Content-Length : 5",
        " Content-Length: 5",
    ],
)
def test_a_smuggled_request_is_never_served(lab: Httpd, fields: str) -> None:
    """Whatever the first part is taken for, what follows it must not become a request of its own on the connection,
    unless both readings agree on where the first one ends."""
    with lab.connect() as connection:
        smuggled = "GET /responses/hello HTTP/1.1\r\nHost: x\r\n\r\n"
        body = f"0\r\n\r\n{smuggled}"
        connection.send(f"POST /inputs/read HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}".encode())
        connection.socket.shutdown(socket.SHUT_WR)
        data = connection.buffer
        while connection.fill():
            data = connection.buffer
    assert b"Hello World!" not in data
    assert data.count(b"HTTP/1.1 ") <= 1


GET = "GET /inputs/read HTTP/1.1"


@pytest.mark.parametrize(
    "request_line",
    [
        f"{GET}\r\nHost: x\r\nX: a\0b",
        f"{GET}\r\nHost: x\r\nX: a\rb",
        f"{GET}\r\nHost: x\r\nno colon here",
        f"{GET}\r\nHost: x\r\nHost: y",
        GET,
        f"{GET.replace(' ', '  ', 1)}\r\nHost: x",
    ],
)
def test_malformed_requests_do_not_reach_the_application(lab: Httpd, request_line: str) -> None:
    with lab.connect() as connection:
        connection.send(f"{request_line}\r\n\r\n".encode())
        assert connection.response().status == 400


# --- an Apache child that dies ---


def test_a_daemon_is_free_again_when_the_child_died(httpd: Callable[..., Httpd]) -> None:
    server = httpd(
        "WSGIDaemonProcess d processes=1 threads=1\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias / {apps}/responses.py\n"
    )
    before = server.get("/pid").text
    with server.connect() as connection:
        connection.request("GET", "/endless?n=orphan")
        connection.head()
        connection.chunk()
        main = server.process
        assert main is not None
        daemons = server.daemon_pids() | {m.pid for m in server.managers()}
        for process in server.processes():
            if process.parent == main.pid and process.pid not in daemons:
                os.kill(process.pid, 9)
    until(lambda: server.get("/closes?n=orphan").text == "1", "the endless response was given up and closed")
    assert server.get("/pid").text == before
    server.crash_expected = True
