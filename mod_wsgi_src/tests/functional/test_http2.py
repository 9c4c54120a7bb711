# SPDX-License-Identifier: Apache-2.0
"""HTTP/2, with and without TLS: the same answers, cut ones visible, and Apache's limits hold."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import h2.events
import h2.exceptions
import h2.settings
import hpack
import pytest
from harness import protocols
from harness.client import Connection
from harness.protocols import Connection2, fetch2
from harness.server import Httpd, httpd_release
from harness.waiting import until

CONTENT = os.urandom(300000)
GROUPS = {
    "embedded": "WSGIApplicationGroup %{GLOBAL}\n",
    "daemon": "WSGIDaemonProcess d processes=1 threads=4\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n",
}


@pytest.fixture(scope="module")
def server(mode: str, module_path: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        tls_port, tls = protocols.tls(server)
        server.tls_port = tls_port  # type: ignore[attr-defined]
        aliases = "".join(
            f'WSGIScriptAlias /{n} "{{apps}}/{n}.py"\n' for n in ("responses", "inputs", "unkind", "files")
        )
        server.configure(
            GROUPS[mode] + aliases + "WSGIChunkedRequest On\nLogLevel http2:debug\n" + protocols.http2() + tls
        )
        server.start()
        yield server
    finally:
        server.dispose()


@pytest.fixture(autouse=True)
def unharmed(server: Httpd) -> Iterator[None]:
    before = server.get("/responses/pid").text
    yield
    assert server.get("/responses/hello", timeout=5).status == 200
    assert server.get("/responses/pid").text == before


def test_a_response(server: Httpd) -> None:
    stream = fetch2(server.port, "/responses/cookies")
    assert (stream.status, stream.body, stream.complete) == (200, b"x", True)
    assert [value for name, value in stream.fields if name == "set-cookie"] == ["a=1", "b=2"]


@pytest.mark.parametrize("size", [0, 10, 65536, 500000])
def test_bodies_both_ways(server: Httpd, size: int) -> None:
    stream = fetch2(server.port, "/inputs/read", "POST", CONTENT[:size] * (2 if size == 500000 else 1))
    assert eval(stream.body) == CONTENT[:size] * (2 if size == 500000 else 1)


@pytest.mark.parametrize("path", ["big_list", "big_generator"])
def test_large_responses(server: Httpd, path: str) -> None:
    stream = fetch2(server.port, f"/responses/{path}?n=40")
    assert stream.complete
    assert stream.body == bytes(range(256)) * 256 * 40


def test_tls(server: Httpd) -> None:
    """By TLS, HTTP/2 when both sides want it and HTTP/1.1 otherwise."""
    connected = protocols.tls_connect(server.tls_port, ["h2", "http/1.1"])  # type: ignore[attr-defined]
    assert connected.selected_alpn_protocol() == "h2"
    with Connection2(0, connected) as connection:
        assert connection.response(connection.request("/responses/hello")).body == b"Hello World!"
    connected = protocols.tls_connect(server.tls_port)  # type: ignore[attr-defined]
    with connected:
        connected.sendall(b"GET /responses/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := connected.recv(65536):
            data += piece
    assert data.startswith(b"HTTP/1.1 200 OK")
    assert data.endswith(b"Hello World!")


# --- a response that cannot be finished is reset ---


@pytest.mark.parametrize("place", ["later", "length", "write"])
def test_B2_a_cut_response_is_reset(server: Httpd, place: str) -> None:
    stream = fetch2(server.port, f"/unkind/raises?at={place}&n=h2")
    assert stream.status in (200, 0)  # the reset may overtake the head
    assert b"something".startswith(stream.body) or stream.body == b"written"
    assert not stream.ended
    assert stream.reset


def test_B6_a_short_response_is_reset(server: Httpd) -> None:
    stream = fetch2(server.port, "/unkind/length?n=11&kind=generator")
    assert not stream.ended
    assert stream.reset


@pytest.mark.parametrize("length", ["", "?length=1000"])
def test_A3_A4_R6_a_killed_daemon_resets_the_stream(server: Httpd, mode: str, length: str, module_path: Path) -> None:
    if mode == "embedded":
        pytest.skip("who kills the process in embedded mode has killed the connection")
    other = Httpd(module_path)
    try:
        other.configure(GROUPS[mode] + 'WSGIScriptAlias / "{apps}/responses.py"\n' + protocols.http2())
        other.start()
        stream = fetch2(other.port, f"/kills_itself_midway{length}")
        assert stream.status == 200
        assert not stream.ended
        assert stream.reset
    finally:
        other.dispose()


def test_B19_a_file(server: Httpd) -> None:
    path = server.data / "content"
    path.write_bytes(CONTENT)
    path.chmod(0o666)
    stream = fetch2(server.port, f"/files/plain?file={path}")
    assert (stream.complete, stream.body) == (True, CONTENT)
    assert fetch2(server.port, f"/unkind/file?file={path}&kind=temporary").body == CONTENT
    stream = fetch2(server.port, f"/unkind/file?file={path}&kind=shrinks")
    if stream.complete:
        assert stream.body == CONTENT[:1000]
    else:
        assert CONTENT.startswith(stream.body)


# --- unkind clients ---


def count(server: Httpd, name: str) -> int:
    return int(server.get(f"/unkind/count?n={name}").text)


def test_C10_streams_that_are_reset_at_once(server: Httpd) -> None:
    """Apache ends the connection of one who does only that, or serves them all; others are served."""
    with Connection2(server.port) as connection:
        try:
            for _ in range(300):
                number = connection.h2.get_next_available_stream_id()
                head = [(":method", "GET"), (":path", "/unkind/closes?n=rapid"), (":scheme", "http")]
                connection.h2.send_headers(number, [*head, (":authority", "localhost")], end_stream=True)
                connection.h2.reset_stream(number)
                connection.flush()
        except (OSError, h2.exceptions.ProtocolError):
            pass
        assert server.get("/responses/hello", timeout=5).status == 200
    assert count(server, "rapid%20closed") <= 300


def test_C10_endless_header_fields(server: Httpd) -> None:
    """HEADERS, then CONTINUATION for ever: Apache ends the connection, and no application is entered."""
    encoder = hpack.Encoder()
    head = [(":method", "GET"), (":path", "/unkind/closes?n=flood"), (":scheme", "http"), (":authority", "x")]
    block = encoder.encode(head)
    with Connection2(server.port) as connection:
        connection.socket.sendall(len(block).to_bytes(3, "big") + b"\x01\x01" + (1).to_bytes(4, "big") + block)
        field = encoder.encode([(f"x-{'y' * 20}", "z" * 2000)])
        frame = len(field).to_bytes(3, "big") + b"\x09\x00" + (1).to_bytes(4, "big") + field
        try:
            connection.socket.sendall(frame * 5000)
            while connection.socket.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert count(server, "flood%20closed") == 0


def test_C10_a_client_that_opens_no_window(server: Httpd) -> None:
    """It takes nothing; others are served, and the application is told when it goes."""
    with Connection2(server.port, window=0) as connection:
        number = connection.request("/unkind/endless?n=window")
        until(lambda: count(server, "window%20items") > 0, "the application is entered")
        assert server.get("/responses/hello", timeout=5).status == 200
        assert connection.streams[number].body == b""
    until(lambda: count(server, "window%20closed") == 1, "the endless response was given up")


def test_C10_many_streams(server: Httpd) -> None:
    """A thousand; Apache may end a connection between two, and the client then goes on with another one."""
    served, connections = 0, 0
    while served < 1000:
        connections += 1
        assert connections <= 100
        with Connection2(server.port) as connection:
            while served < 1000 and not connection.closed:
                numbers = [connection.request("/responses/hello") for _ in range(50)]
                streams = [connection.response(number) for number in numbers]
                assert all(stream.body == b"Hello World!" for stream in streams if stream.ended)
                served += sum(stream.ended for stream in streams)


def test_C10_trailers(server: Httpd) -> None:
    with Connection2(server.port) as connection:
        number = connection.request("/inputs/read", "POST", end=False)
        connection.body(number, b"some body", end=False)
        connection.h2.send_headers(number, [("x-trailer", "1")], end_stream=True)
        connection.flush()
        assert eval(connection.response(number).body) == b"some body"


@pytest.mark.skipif(httpd_release() == "2.4.68", reason="mod_http2 of this release crashes on it, whatever the handler")
def test_C4_a_stream_that_is_reset_during_its_upload(server: Httpd) -> None:
    """The next request of the same connection is served. mod_http2 has no reason to end it for one reset; should it do
    so once, the log has why, and a client may begin anew."""
    ended = []
    for _ in range(10):  # more than there are threads
        with Connection2(server.port) as connection:
            number = connection.request("/inputs/read", "POST", end=False)
            connection.body(number, b"x" * 1000, end=False)
            connection.h2.reset_stream(number)
            connection.flush()
            try:
                stream = connection.response(connection.request("/responses/hello"))
            except (OSError, h2.exceptions.ProtocolError):
                stream = connection.streams[max(connection.streams)]
            if stream.body != b"Hello World!":
                assert connection.closed, stream
                ended.append((stream, connection.goodbye))
                assert fetch2(server.port, "/responses/hello").body == b"Hello World!"
    assert len(ended) <= 1, ended


def test_D3_a_body_shorter_than_its_length(server: Httpd) -> None:
    with Connection2(server.port) as connection:
        number = connection.request("/inputs/read", "POST", [("content-length", "10")], end=False)
        connection.h2._validate = False
        frame = b"\x00\x00\x05\x00\x01" + number.to_bytes(4, "big") + b"short"  # the library refuses to send it
        connection.socket.sendall(frame)
        try:
            stream = connection.response(number)
        except h2.exceptions.ProtocolError:
            stream = connection.streams[number]
        assert stream.reset or 400 <= stream.status < 500


def test_C9_tls_that_comes_to_nothing(server: Httpd) -> None:
    """Rubbish, a handshake that is broken off, protocols that nobody knows: that connection only."""
    port = server.tls_port  # type: ignore[attr-defined]
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", bytes(300)):
        with Connection(port) as connection:
            connection.send(data)
            connection.socket.shutdown(socket.SHUT_WR)
            while connection.fill():
                pass
    Connection(port).close()
    try:
        with protocols.tls_connect(port, ["odd/1.0"]) as connected:
            assert connected.selected_alpn_protocol() in (None, "http/1.1")
    except ssl.SSLError:  # refused for its ALPN
        pass
    with protocols.tls_connect(port) as connected:
        connected.sendall(b"GET /responses/hello HTTP/1.0\r\n\r\n")
        assert connected.recv(100).startswith(b"HTTP/1.1 200 OK")
