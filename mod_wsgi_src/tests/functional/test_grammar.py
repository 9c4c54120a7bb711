# SPDX-License-Identifier: Apache-2.0
"""Requests that could mean two things: each is refused, or has the one meaning that stands beside it. And paths."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.server import Httpd

APPLICATION = """
seen = []

def application(environ, start_response):
    if environ["PATH_INFO"] == "/seen":
        body = ascii(seen).encode()
        del seen[:]
    else:
        stream = environ["wsgi.input"]
        read = environ.get("HTTP_X_READ")
        body = stream.read(int(read)) if read else stream.read()
        seen.append((environ["REQUEST_METHOD"], environ["PATH_INFO"], body, environ["HTTP_HOST"],
                     environ.get("HTTP_X"), environ["SCRIPT_NAME"]))
        body = b"<" + body + b">"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
GROUPS = {
    "embedded": "WSGIApplicationGroup %{GLOBAL}\n",
    "daemon": "WSGIDaemonProcess d processes=1 threads=4\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n",
}


@pytest.fixture(scope="module")
def server(mode: str, module_path: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        server.app("seen.py", APPLICATION)
        (server.root / "linked.py").symlink_to(server.apps / "seen.py")
        extra = 'WSGIScriptAlias /scripts "{apps}"\nWSGIScriptAlias /linked "{root}/linked.py"\n'
        server.configure(GROUPS[mode] + extra + "WSGIChunkedRequest On\nWSGIScriptAlias / {apps}/seen.py\n")
        server.start()
        yield server
    finally:
        server.dispose()


def seen(server: Httpd) -> list[tuple[str, str, bytes, str, str, str]]:
    return eval(server.get("/seen").text)


def exchange(server: Httpd, data: bytes) -> bytes:
    """All that comes back."""
    with server.connect() as connection:
        connection.send(data)
        connection.socket.shutdown(socket.SHUT_WR)
        while connection.fill():
            pass
        return connection.buffer


SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"0\r\n\r\n" + SMUGGLED


def refused(server: Httpd, request: bytes) -> None:
    """4xx or 501, once, the connection closed; no application is entered, neither for it nor for what follows."""
    seen(server)
    answer = exchange(server, request + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    assert answer[9:12] in (b"400", b"405", b"411", b"413", b"414", b"417", b"431", b"501", b"505"), answer[:100]
    assert seen(server) == []


# --- lengths and codings ---


@pytest.mark.parametrize(
    "fields",
    ["Content-Length: 5\r\nContent-Length: 6", "Content-Length: 6\r\nContent-Length: 5", "Content-Length: 5, 5",
     "Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5,6", "Content-Length: +5", "Content-Length: 0x5",
     "Content-Length: 5_0", "Content-Length: -1", "Content-Length: 18446744073709551621", "Content-Length: ",
     "Content-Length: \v5", "Content-Length: 5\v", "Content-Length: 5 5", "Content-Length: five", "Content-Length: 5.0",
     "Content-Length: 5;", "Content-Length : 5", " Content-Length: 5", "Content-Length\t: 5",
     "Transfer-Encoding: \vchunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: identity",
     "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked, identity",
     "Transfer-Encoding: chunked;x", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
     "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding:", "Transfer-Encoding : chunked",
     "Transfer-Encoding: \"chunked\"", "Transfer-Encoding: chunked\0", "Transfer-Encoding: chunk ed",
     "Transfer-Encoding: gzip", "Transfer-Encoding: ,chunked x"],
)  # fmt: skip
def test_E_wrong_framing(server: Httpd, fields: str) -> None:
    refused(server, f"POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n".encode() + BODY)


@pytest.mark.parametrize(
    ("line", "fields", "meaning"),
    [
        ("HTTP/1.1", "Content-Length: 5", b"0\r\n\r\n"),
        ("HTTP/1.1", "Content-Length: 05", b"0\r\n\r\n"),
        ("HTTP/1.1", "content-length:\t5 ", b"0\r\n\r\n"),
        ("HTTP/1.1", "Transfer-Encoding: CHunKed", b""),
        ("HTTP/1.1", "Transfer-Encoding:\r\n chunked", b""),
    ],
)
def test_E_framing_with_one_meaning(server: Httpd, line: str, fields: str, meaning: bytes) -> None:
    """What follows is a request of its own: both ends agree on where the first one ends."""
    seen(server)
    exchange(server, f"POST / {line}\r\nHost: x\r\n{fields}\r\n\r\n".encode() + BODY)
    assert [request[:3] for request in seen(server)] == [("POST", "/", meaning), ("GET", "/smuggled", b"")]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("HTTP/1.1", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        ("HTTP/1.1", "Transfer-Encoding: chunked\r\nContent-Length: 38"),
        ("HTTP/1.0", "Transfer-Encoding: chunked"),
        ("HTTP/1.0", "Transfer-Encoding: chunked\r\nConnection: keep-alive"),
    ],
)
def test_E_both_framings_are_chunked_and_the_end(server: Httpd, line: str, fields: str) -> None:
    """RFC 9112 6.1: read as chunked or refused; nothing after it on this connection is served."""
    seen(server)
    answer = exchange(server, f"POST / {line}\r\nHost: x\r\n{fields}\r\n\r\n".encode() + BODY)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert [request[:3] for request in seen(server)] in ([("POST", "/", b"")], [])


@pytest.mark.parametrize(
    "size",
    ["0x5", "+5", "-5", "5g", "FFFFFFFFFFFFFFFFF", "\t5", "5\v", "5\0", "", ";a", "5 5", "5,5", "0x", "5\n6", "_5"],
)
def test_E_wrong_chunk_sizes(server: Httpd, size: str) -> None:
    head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen(server)
    answer = exchange(server, f"{head}{size}\r\nhello\r\n0\r\n\r\n".encode() + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer[9:12] in (b"400", b"413")
    assert seen(server) == [], "the body was taken for a whole one"


@pytest.mark.parametrize("chunk", ["5;a=b\r\nhello", "5 \r\nhello", "0005\r\nhello", '5;"\\n"\r\nhello'])
def test_E_chunk_sizes_with_one_meaning(server: Httpd, chunk: str) -> None:
    head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    seen(server)
    exchange(server, f"{head}{chunk}\r\n0\r\n\r\n".encode() + SMUGGLED)
    assert [request[:3] for request in seen(server)] == [("POST", "/", b"hello"), ("GET", "/smuggled", b"")]


# --- heads ---


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nHost: x\r\nX: a\0b", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\rb",
     b"GET / HTTP/1.1\r\nHost: x\r\nX\0: a", b"GET / HTTP/1.1\r\nHost: x\r\nno colon",
     b"GET / HTTP/1.1\r\nHost: x\r\n: a", b"GET / HTTP/1.1\r\nHost: x\r\nX : a",
     b"GET / HTTP/1.1\r\nHost: x\r\nX Y: a", b"GET / HTTP/1.1\r\n X: a\r\nHost: x",
     b"GET / HTTP/1.1\r\nHost: x\r\nX(: a", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b",
     b"GET / HTTP/1.1\r\nHost: x\r\nX\x80: a", b"GET / HTTP/1.1\r\nHost: x\r\nX: \x7f", b"GET / HTTP/1.1",
     b"GET / HTTP/1.1\r\nHost: x\r\nHost: y", b"GET / HTTP/1.1\r\nHost: x y", b"GET / HTTP/1.1\r\nHost: x/y",
     b"GET / HTTP/1.1\r\nHost: x:port", b"GET / HTTP/1.1\r\nHost: a@b\r\nX: 1", b"GET  / HTTP/1.1\r\nHost: x",
     b"GET\t/\tHTTP/1.1\r\nHost: x", b"GET / HTTP/1.1 \r\nHost: x", b" GET / HTTP/1.1\r\nHost: x",
     b"G\x01T / HTTP/1.1\r\nHost: x", b"G@T / HTTP/1.1\r\nHost: x", b"GET /\x01 HTTP/1.1\r\nHost: x",
     b"GET /a b HTTP/1.1\r\nHost: x", b"GET / HTTP/2.0x\r\nHost: x",
     b"GET / HTTP/1\r\nHost: x", b"GET / HTTP/11\r\nHost: x", b"GET / http/1.1\r\nHost: x",
     b"GET / HTTP/0.9\r\nHost: x", b"GET x HTTP/1.1\r\nHost: x",
     b"GET * HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000,
     b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x",
     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"\r\n".join(b"X%d: a" % i for i in range(101)),
     b"GET /%00 HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1\r\nHost: x\r\nExpect: something"],
)  # fmt: skip
def test_E_wrong_heads(server: Httpd, head: bytes) -> None:
    seen(server)
    answer = exchange(server, head + b"\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not answer or answer[9:10] == b"4" or answer[9:12] in (b"501", b"505"), answer[:100]
    assert seen(server) == []


@pytest.mark.parametrize(
    ("head", "path", "host", "field"),
    [
        (b"GET /a#frag HTTP/1.1\r\nHost: x", None, None, None),
        (b"GET http://other/a HTTP/1.1\r\nHost: x", "/a", "other", None),
        (b"GET /a HTTP/1.1\nHost: x\nX: bare", None, None, None),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n folded", "/a", "x", "a folded"),
        (b"GET /a HTTP/1.2\r\nHost: x", "/a", "x", None),
        (b"GET /\x80 HTTP/1.1\r\nHost: x", "/\x80", "x", None),
        (b"GET /a HTTP/3.0\r\nHost: x", "/a", "x", None),
        (b"GET //a///b HTTP/1.1\r\nHost: x", "/a/b", "x", None),
        (b"GET /a%0d%0aX:%20b HTTP/1.1\r\nHost: x", "/a\r\nX: b", "x", None),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX:   padded \t", "/a", "x", "padded"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: caf\xe9", "/a", "x", "caf\xe9"),
    ],
)
def test_E_heads_with_one_meaning(server: Httpd, head: bytes, path: str, host: str, field: str) -> None:
    """Refused, or exactly this."""
    seen(server)
    exchange(server, head + b"\r\n\r\n")
    found = [(request[1], request[3], request[4]) for request in seen(server)]
    assert found in ([], [(path, host, field)])
    assert found or path is None


# --- E2: bytes of bodies are never taken for frames, nor frames for bodies ---


def frame(kind: int, payload: bytes, flags: int = 0) -> bytes:
    return len(payload).to_bytes(4, "little") + bytes([kind, flags, 0, 0]) + payload


@pytest.mark.parametrize("seed", range(4))
def test_E2_bodies_that_look_like_frames(server: Httpd, seed: int) -> None:
    """Requests on one connection, with bodies made of frames and read in part: each is answered with its own bytes."""
    source = random.Random(seed)
    seen(server)
    sent, requests = [], []
    for number in range(60):
        body = b"".join(
            frame(source.randrange(1, 11), source.randbytes(source.choice([0, 4, 8, 16, 76, 300])), source.randrange(4))
            for _ in range(source.choice([1, 5, 50, 1000]))
        )
        read = source.choice([None, 0, 1, 8, len(body)])
        head = f"POST /{number} HTTP/1.1\r\nHost: x\r\n" + (f"X-Read: {read}\r\n" if read is not None else "")
        if source.random() < 0.5:
            data = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        else:
            size = source.choice([7, 64, 5000])
            pieces = [body[i : i + size] for i in range(0, len(body), size)]
            chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            data = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"
        sent.append((f"/{number}", body[:read]))
        requests.append(data)
    with server.connect() as connection:
        for data, (_, expected) in zip(requests, sent):
            connection.send(data)
            assert connection.response().body == b"<" + expected + b">"
    assert [(request[1], request[2]) for request in seen(server)] == sent


# --- F5: paths ---


@pytest.mark.parametrize(
    ("target", "status", "path"),
    [
        ("/a/../../etc/passwd", 400, None),
        ("/%2e%2e/%2e%2e/etc/passwd", 400, None),
        ("/a/%2e%2e/b", 200, "/b"),
        ("/a%2fb", 404, None),
        ("/a%5cb", 200, "/a\\b"),
        ("/a%00b", 404, None),
        ("//a//b", 200, "/a/b"),
        ("/a;b=c", 200, "/a;b=c"),
        ("/%ff%e2%82%ac", 200, "/\xff\xe2\x82\xac"),
        ("/" + "a" * 7000, 200, "/" + "a" * 7000),
        ("/" + "%61" * 2000, 200, "/" + "a" * 2000),
        ("/scripts", 301, None),
        ("/scripts/", 403, None),
        ("/scripts/seen.py/x", 200, "/x"),
        ("/scripts/../seen.py", 200, "/seen.py"),
        ("/scripts/no.py", 404, None),
    ],
)
def test_F5_paths(server: Httpd, target: str, status: int, path: str | None) -> None:
    seen(server)
    mark = len(server.log())
    assert server.get(target).status == status, server.log()[mark:]
    assert [request[1] for request in seen(server)] == ([path] if path else [])


def test_F5_a_link_is_a_script_of_its_own(server: Httpd) -> None:
    assert server.get("/linked/x").body == b"<>"
    assert eval(server.get("/linked/seen").text)[0][1] == "/x"
