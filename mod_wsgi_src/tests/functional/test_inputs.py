# SPDX-License-Identifier: Apache-2.0
"""PEP 3333, the way in: wsgi.input."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import socket
import threading
from pathlib import Path
from typing import Callable

import pytest
from harness.client import Connection
from harness.server import Httpd

TEXT = b"first line\nsecond\n\nno end"
LARGE = bytes(range(256)) * 20000


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def post(lab: Httpd, path: str, body: bytes, framing: str) -> object:
    """What the application read, sent with a length or in chunks."""
    if framing == "length":
        response = lab.get(f"/inputs/{path}", method="POST", body=body)
    else:
        response = lab.get(
            f"/inputs/{path}", [("Transfer-Encoding", "chunked")], method="POST", body=chunked(body, int(framing))
        )
    assert response.status == 200, lab.log()[-3000:]
    return eval(response.text)


framings = pytest.mark.parametrize("framing", ["length", "1", "7", "100000"])


@framings
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("read", TEXT),
        ("reads?n=1", ([bytes([c]) for c in TEXT], b"", b"")),
        ("reads?n=10", ([TEXT[:10], TEXT[10:20], TEXT[20:]], b"", b"")),
        ("reads?n=10000", ([TEXT], b"", b"")),
        ("reads?n=-1", ([TEXT], b"", b"")),
        ("zero", (b"", TEXT)),
        ("lines", [b"first line\n", b"second\n", b"\n", b"no end"]),
        ("readline", [b"first line\n", b"sec", b"ond\n", b"\n", b"no", b" end"]),
        ("mixed", (b"fi", b"rst line\n", b"second\n", b"\nno end")),
    ],
)
def test_every_way_to_read(lab: Httpd, framing: str, path: str, expected: object) -> None:
    assert post(lab, path, TEXT, framing) == expected


@framings
def test_readlines(lab: Httpd, framing: str) -> None:
    some, rest = post(lab, "readlines", TEXT, framing)  # type: ignore[misc]
    assert some
    assert some + rest == [b"first line\n", b"second\n", b"\n", b"no end"]


@pytest.mark.parametrize("framing", ["length", "8192", "100000"])
@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, len(LARGE)])
def test_sizes(lab: Httpd, framing: str, size: int) -> None:
    assert post(lab, "sizes", LARGE[:size], framing) == (size, hashlib.sha256(LARGE[:size]).hexdigest())


def test_no_body(lab: Httpd) -> None:
    assert eval(lab.get("/inputs/read").text) == b""


def test_one_very_long_line(lab: Httpd) -> None:
    body = b"x" * 300000 + b"\nend"
    assert post(lab, "lines", body, "length") == [b"x" * 300000 + b"\n", b"end"]


def test_chunked_needs_the_directive(lab: Httpd) -> None:
    response = lab.get("/inputs/unchunked", [("Transfer-Encoding", "chunked")], method="POST", body=chunked(b"x", 1))
    assert response.status == 411


def test_unknown_transfer_coding(lab: Httpd) -> None:
    response = lab.get("/inputs/read", [("Transfer-Encoding", "gzip")], method="POST", body=b"x")
    assert response.status in (400, 501)


@pytest.mark.parametrize("length", ["x", "-1", "5, 6", "0x5", "+5", "5_0"])
def test_wrong_length(lab: Httpd, length: str) -> None:
    assert lab.get("/inputs/read", [("Content-Length", length)], method="POST", body=b"12345").status == 400


# --- what the application leaves unread ---


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_B17_an_ignored_body_is_not_the_next_request(lab: Httpd, size: int, framing: str) -> None:
    body = b"GET /smuggled HTTP/1.1\r\n" * (size // 24) + b"x" * (size % 24)
    with lab.connect() as connection:
        if framing == "length":
            connection.request("POST", "/inputs/ignore", body=body)
        else:
            connection.request("POST", "/inputs/ignore", [("Transfer-Encoding", "chunked")], chunked(body, 1000))
        assert connection.response().text == "'ignored'"
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


# --- Expect: 100-continue ---


def expect(connection: Connection, path: str, size: int) -> None:
    connection.request("POST", path, [("Expect", "100-continue"), ("Content-Length", str(size))])


def test_C7_continue_is_sent_when_the_application_reads(lab: Httpd) -> None:
    with lab.connect() as connection:
        expect(connection, "/inputs/read", 4)
        assert connection.head().status == 100
        connection.send(b"body")
        response = connection.response()
        assert eval(response.text) == b"body"


def test_C7_no_continue_when_it_does_not(lab: Httpd) -> None:
    with lab.connect() as connection:
        expect(connection, "/inputs/ignore", 4)
        response = connection.response()
        assert (response.status, response.interim, response.text) == (200, [], "'ignored'")


# --- bodies that do not come whole ---


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size", [10, 100000])
def test_D3_a_cut_body_is_never_taken_for_a_whole_one(lab: Httpd, framing: str, size: int) -> None:
    with lab.connect() as connection:
        if framing == "length":
            connection.request("POST", "/inputs/error", [("Content-Length", str(size + 50))], b"x" * size)
        else:
            body = b"%x\r\n%s" % (size + 50, b"x" * size)
            connection.request("POST", "/inputs/error", [("Transfer-Encoding", "chunked")], body)
        connection.socket.shutdown(socket.SHUT_WR)
        response = connection.response()
        if response.status == 200:
            assert eval(response.text) == [("OSError", True), ("OSError", True)]
        else:
            assert 400 <= response.status < 500
        assert connection.closed_by_server()


def test_B18_input_expires_with_its_request(lab: Httpd) -> None:
    assert post(lab, "keep", b"some", "length") == "kept"
    assert eval(lab.get("/inputs/use_kept").text) == ["RuntimeError"] * 2


def test_D6_limit_request_body(serve: Callable[..., Httpd]) -> None:
    """Declared, undeclared, and behind an input filter, so that it is the application's read that meets it."""
    server = serve(
        "inputs.py",
        "LimitRequestBody 1000\nWSGIChunkedRequest On\n<Location /read>\nSetInputFilter DEFLATE\n</Location>\n",
    )
    assert server.get("/sizes", method="POST", body=b"x" * 1000).status == 200
    processes = {p.pid for p in server.processes()}
    for body in (b"x" * 1001, b"x" * 200000):
        assert server.get("/sizes", method="POST", body=body).status == 413
    for size in (1001, 200000):
        pieces = chunked(b"x" * size, 100)
        response = server.get("/sizes", [("Transfer-Encoding", "chunked")], method="POST", body=pieces)
        assert (response.status, response.body.count(b"<html>")) == (413, 1)
    packed = gzip.compress(os.urandom(2000))
    fields = [("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked")]
    assert server.get("/read", fields, method="POST", body=chunked(packed, 500)).status == 413
    assert server.get("/sizes", method="POST", body=b"x").status == 200
    assert {p.pid for p in server.processes()} == processes


@pytest.mark.parametrize("size", [10, 100000, 3000000])
def test_D7_a_body_that_a_filter_unpacks(serve: Callable[..., Httpd], size: int) -> None:
    """Content-Length is that of the packed body: reading to the end is right, whatever the length says."""
    server = serve("inputs.py", "SetInputFilter DEFLATE\nWSGIChunkedRequest On\n")
    plain = os.urandom(size // 10) * 10
    packed = gzip.compress(plain)
    expected = (size, hashlib.sha256(plain).hexdigest())
    encoded = [("Content-Encoding", "gzip")]
    assert eval(server.get("/sizes", encoded, method="POST", body=packed).text) == expected
    fields = [*encoded, ("Transfer-Encoding", "chunked")]
    assert eval(server.get("/sizes", fields, method="POST", body=chunked(packed, 999)).text) == expected
    assert eval(server.get("/read", encoded, method="POST", body=packed).text) == plain


def test_B17_more_is_ignored_than_is_allowed(serve: Callable[..., Httpd]) -> None:
    """What the application leaves is read up to the limit, and then the connection ends."""
    server = serve("inputs.py", "LimitRequestBody 100000\nWSGIChunkedRequest On\n")
    with server.connect() as connection:
        connection.request("POST", "/ignore", [("Transfer-Encoding", "chunked")], chunked(b"x" * 300000, 5000))
        response = connection.response()
        assert (response.status, response.text) == (200, "'ignored'") or response.status == 413
        assert connection.closed_by_server()
    assert server.get("/ignore").text == "'ignored'"


# --- sizes ---

SIZED = """
BLOCK = bytes(range(256)) * 256

def application(environ, start_response):
    size = 0
    while piece := environ["wsgi.input"].read(65536):
        size += len(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(size).encode()] if size else (BLOCK for _ in range(int(environ["QUERY_STRING"] or 0)))
"""


def peaks(server: Httpd) -> dict[int, int]:
    """The most memory that each process has had, in KiB."""
    found = {}
    for process in server.processes():
        match = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
        found[process.pid] = int(match.group(1)) if match else 0
    return found


@pytest.mark.skipif("MOD_WSGI_TEST_PRELOAD" in os.environ, reason="a sanitizer keeps what is freed for a while")
def test_D1_large_bodies_take_no_memory(serve: Callable[..., Httpd]) -> None:
    """64 MiB up and down, then eight of 8 MiB at once; `./run reliability R10` does it with more."""
    server = serve("sized.py", start=False)
    server.app("sized.py", SIZED)
    server.start()

    def up(megabytes: int) -> None:
        with server.connect() as connection:
            connection.request("POST", "/", [("Content-Length", str(megabytes << 20))])
            for _ in range(megabytes):
                connection.send(bytes(1 << 20))
            assert connection.response().text == str(megabytes << 20)

    def down(megabytes: int) -> None:
        with server.connect() as connection:
            connection.request("GET", f"/?{megabytes * 16}")
            connection.head()
            size = 0
            while piece := connection.chunk():
                size += len(piece)
            assert (piece, size) == (b"", megabytes << 20)

    failed = []

    def both() -> None:
        try:
            up(8)
            down(8)
        except (AssertionError, OSError) as error:
            failed.append(error)

    up(1)
    down(1)
    before = peaks(server)
    up(64)
    down(64)
    threads = [threading.Thread(target=both) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    after = peaks(server)
    assert max(after[pid] - before[pid] for pid in before) <= 16 * 1024
