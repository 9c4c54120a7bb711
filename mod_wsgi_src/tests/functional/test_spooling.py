# SPDX-License-Identifier: Apache-2.0
"""Slow clients do not hold the application's threads: what they send, or do not take yet, waits in files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from harness import protocols
from harness.client import Connection
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]
CONTENT = os.urandom(3000000)

# One thread: whoever holds it is noticed at once.
CONFIG = """
WSGIDaemonProcess d processes=1 threads=1
WSGIProcessGroup d
WSGIApplicationGroup %{GLOBAL}
WSGIChunkedRequest On
WSGIScriptAlias / {apps}/slow.py
"""

APPLICATION = """
import hashlib

entered = 0
produced = 0

def blocks(count, block):
    global produced
    for _ in range(count):
        produced += len(block)
        yield block

def failing(count, block):
    yield from blocks(count, block)
    raise RuntimeError("failed on purpose")

def application(environ, start_response):
    global entered, produced
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    answer = b""
    if path == "/entered":
        answer = str(entered).encode()
    elif path == "/produced":
        answer = str(produced).encode()
    elif path == "/blocks":
        produced = 0
        start_response("200 OK", [("Content-Type", "text/plain")])
        return blocks(int(query), bytes(range(256)) * 256)
    elif path == "/list":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [bytes(range(256)) * 256] * int(query)
    elif path == "/cut":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return failing(int(query), bytes(range(256)) * 256)
    elif path == "/file":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        for _ in range(100):
            write(bytes(range(256)) * 256)
        return environ["wsgi.file_wrapper"](open(query, "rb"))
    elif path == "/body":
        entered += 1
        digest, size = hashlib.sha256(), 0
        while piece := environ["wsgi.input"].read(50000):
            digest.update(piece)
            size += len(piece)
        answer = f"{size} {digest.hexdigest()}".encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]
"""


@pytest.fixture
def slow(httpd: Make) -> Make:
    """slow(config) starts a server with that application."""

    def start(config: str = "", **options: object) -> Httpd:
        server = httpd(CONFIG + config, start=False, **options)
        server.app("slow.py", APPLICATION)
        server.start()
        return server

    return start


def told(body: bytes) -> str:
    return f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def begin(server: Httpd, framing: str, body: bytes, now: int) -> Connection:
    """A request with the first `now` bytes of its body."""
    connection = server.connect()
    if framing == "length":
        connection.request("POST", "/body", [("Content-Length", str(len(body)))], body[:now])
    else:
        connection.request("POST", "/body", [("Transfer-Encoding", "chunked")], b"%x\r\n" % len(body) + body[:now])
    return connection


def finish(connection: Connection, framing: str, body: bytes, sent: int) -> str:
    connection.send(body[sent:] + (b"\r\n0\r\n\r\n" if framing == "chunked" else b""))
    return connection.response().text


def entered(server: Httpd) -> int:
    return int(server.get("/entered", timeout=10).text)


# --- heads ---


def test_C1_endless_heads_are_shed(httpd: Make) -> None:
    """More of them than Apache has workers: RequestReadTimeout frees these, and the others are served."""
    server = httpd(
        protocols.load_module("reqtimeout") + "RequestReadTimeout header=1-2,MinRate=500\n"
        'WSGIDaemonProcess d processes=1 threads=1\nWSGIScriptAlias / "{apps}/responses.py" process-group=d\n',
        threads=4,
    )
    held = [server.connect() for _ in range(12)]
    for connection in held:
        connection.send(b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    assert server.get("/hello").body == b"Hello World!"
    for connection in held:
        assert connection.response().status == 408
        connection.close()


# --- uploads ---


@pytest.mark.parametrize(
    ("framing", "size"), [("length", 60000), ("length", 300000), ("chunked", 10), ("chunked", 300000)]
)
def test_C2_slow_uploads_hold_no_thread(slow: Make, framing: str, size: int) -> None:
    server = slow()
    body = CONTENT[:size]
    held = [begin(server, framing, body, size - 5) for _ in range(5)]
    assert entered(server) == 0, "the application waits for a client"
    for connection in held:
        assert finish(connection, framing, body, size - 5) == told(body)
    assert entered(server) == 5


def test_C4_a_client_that_leaves_a_large_upload_is_never_seen(slow: Make) -> None:
    server = slow()
    for framing in ("length", "chunked"):
        for _ in range(3):
            begin(server, framing, CONTENT, 200000).close()
    assert entered(server) == 0
    until(lambda: spool_files(server) == 0, "their files are gone")


def test_without_spooling_the_application_sees_what_comes(slow: Make) -> None:
    server = slow("WSGIRequestSpool Off\n")
    with begin(server, "chunked", CONTENT, 100000) as connection:
        until(lambda: spool_entered(server), "the application reads what is there")
        assert finish(connection, "chunked", CONTENT, 100000) == told(CONTENT)


def spool_entered(server: Httpd) -> bool:
    """Whether the only thread is busy: then nobody answers."""
    try:
        server.get("/entered", timeout=0.3)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("config", ["WSGIRequestSpool 1M", "WSGISpoolLimit 200K", "WSGISpoolLimit Off"])
def test_beyond_the_bound_the_body_goes_on(slow: Make, config: str) -> None:
    server = slow(config + "\n")
    for framing in ("length", "chunked"):
        with begin(server, framing, CONTENT, 1000) as connection:
            assert finish(connection, framing, CONTENT, 1000) == told(CONTENT)
            connection.request("GET", "/entered")
            assert connection.response().status == 200
    assert spool_files(server) == 0


def open_files(server: Httpd, name: str) -> set[str]:
    """What the server's processes have open under such a name."""
    found = set()
    for process in server.processes():
        for number in os.listdir(f"/proc/{process.pid}/fd"):
            try:
                found.add(os.readlink(f"/proc/{process.pid}/fd/{number}"))
            except OSError:
                continue
    return {path for path in found if name in path}


def spool_files(server: Httpd) -> int:
    return len(open_files(server, "/wsgi-spool-"))


def test_a_directory_of_their_own(slow: Make) -> None:
    server = slow("WSGISpoolDirectory {data}\n")
    with begin(server, "length", CONTENT, 1000000) as connection:
        until(lambda: spool_files(server) == 1, "the body waits in a file")
        assert list(server.data.iterdir()) == [], "which has no name"
        assert finish(connection, "length", CONTENT, 1000000) == told(CONTENT)


def test_G2_a_directory_that_cannot_be_written_to(slow: Make) -> None:
    server = slow("WSGISpoolDirectory /proc\n")
    for _ in range(2):
        with begin(server, "chunked", CONTENT, 1000) as connection:
            assert finish(connection, "chunked", CONTENT, 1000) == told(CONTENT)
    assert server.log().count("nothing can be spooled in /proc") == 1


@pytest.fixture
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=1777", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a file system of a few pages can only be mounted by root who may")
    directory.parent.parent.chmod(0o755)
    directory.parent.chmod(0o755)
    yield directory
    subprocess.run(["umount", str(directory)], check=True)


def test_G2_a_full_disk(slow: Make, small_disk: Path) -> None:
    server = slow(f"WSGISpoolDirectory {small_disk}\n")
    for framing in ("length", "chunked"):
        with begin(server, framing, CONTENT, 1000) as connection:
            assert finish(connection, framing, CONTENT, 1000) == told(CONTENT)
    assert server.log().count("nothing can be spooled") == 1
    assert server.get("/list?100").body == bytes(range(256)) * 256 * 100


# --- downloads ---

BLOCK = bytes(range(256)) * 256


def ask(server: Httpd, path: str) -> Connection:
    """A client with a small window, that has asked and reads nothing."""
    connection = Connection(server.port, receive_buffer=4096)
    connection.request("GET", path)
    return connection


@pytest.mark.parametrize("kind", ["blocks", "list"])
def test_C3_slow_readers_hold_no_thread(slow: Make, kind: str) -> None:
    server = slow("SendBufferSize 65536\nWSGIResponseSpool 8M\n")
    held = [ask(server, f"/{kind}?96") for _ in range(5)]  # 6 MiB each
    if kind == "blocks":  # a list may lie in shared memory as a whole
        until(lambda: spool_files(server) == 5, "all five answers wait in files")
    assert server.get("/entered", timeout=10).text == "0"
    for connection in held:
        response = connection.response()
        assert response.complete
        assert response.body == BLOCK * 96
        connection.close()
    until(lambda: spool_files(server) == 0, "their files are gone")


def test_C3_nor_a_worker_of_apache(slow: Make) -> None:
    """When the application is ready the rest is left to the event MPM, which waits for all clients in one thread."""
    server = slow("SendBufferSize 65536\nAsyncRequestWorkerFactor 20\n", threads=2)
    held = [ask(server, "/blocks?96") for _ in range(5)]
    until(lambda: spool_files(server) == 5, "all five answers wait in files")
    assert server.get("/entered", timeout=10).text == "0"
    for connection in held:
        assert connection.response().body == BLOCK * 96
        connection.close()


def test_a_full_spool_holds_the_application(slow: Make) -> None:
    """Back-pressure: no more is produced than fits, and nothing is lost."""
    server = slow("SendBufferSize 65536\nWSGIResponseSpool 1M\nWSGIRequestSpool Off\n")
    connection = ask(server, "/blocks?500")
    until(lambda: spool_files(server) == 1, "the answer waits")
    assert spool_entered(server)
    response = connection.response()
    assert response.complete
    assert response.body == BLOCK * 500
    connection.close()


@pytest.mark.parametrize("config", ["WSGIResponseSpool Off", "WSGISpoolLimit 300K", "WSGISpoolDirectory /proc"])
def test_without_room_the_application_waits_for_the_client(slow: Make, config: str) -> None:
    server = slow(f"SendBufferSize 65536\n{config}\n")
    with ask(server, "/blocks?200") as connection:
        until(lambda: spool_entered(server), "the application waits for the client")
        assert connection.response().body == BLOCK * 200
    assert server.get("/entered").status == 200


def test_C5_a_slow_reader_that_leaves(slow: Make) -> None:
    server = slow("SendBufferSize 65536\n")
    for _ in range(3):
        with ask(server, "/blocks?200"):
            until(lambda: spool_files(server) == 1, "the answer waits")
        until(lambda: spool_files(server) == 0, "its file is gone")
    assert server.get("/entered", timeout=10).status == 200
    assert "[wsgi:error]" not in server.log()


def test_B2_a_cut_response_to_a_slow_reader(slow: Make) -> None:
    """All that the application gave arrives, and no end."""
    server = slow("SendBufferSize 65536\n")
    with ask(server, "/cut?100") as connection:
        until(lambda: "failed on purpose" in server.log(), "the application failed")
        response = connection.response()
        assert not response.complete
        assert response.body == BLOCK * 100


def test_a_file_after_a_backlog(slow: Make) -> None:
    """Bytes by write() that wait, then a file: in this order."""
    server = slow("SendBufferSize 65536\n")
    path = server.data / "content"
    path.write_bytes(CONTENT)
    with ask(server, f"/file?{path}") as connection:
        until(lambda: spool_files(server) == 1, "the first part waits")
        response = connection.response()
        assert response.complete
        assert response.body == BLOCK * 100 + CONTENT
    until(lambda: not open_files(server, "/content"), "the file is closed")
    assert spool_files(server) == 0


def test_a_file_for_a_slow_reader_is_closed(serve: Make) -> None:
    """httpd keeps what it could not write at once; the descriptor goes with it."""
    server = serve("files.py", "SendBufferSize 65536\n")
    path = server.data / "content"
    path.write_bytes(CONTENT)
    with ask(server, f"/plain?file={path}") as connection:
        until(lambda: open_files(server, "/content"), "it is being sent")
        assert connection.response().body == CONTENT
    until(lambda: not open_files(server, "/content"), "the file is closed")


@pytest.mark.parametrize("kind", ["blocks", "list"])
def test_slow_readers_over_tls_and_http2(slow: Make, httpd: Make, kind: str) -> None:
    server = httpd(start=False)
    port, lines = protocols.tls(server)
    server.configure(CONFIG + "SendBufferSize 65536\n" + lines + protocols.http2())
    server.app("slow.py", APPLICATION)
    server.start()
    with protocols.Connection2(server.port, window=0) as connection, protocols.tls_connect(port) as secure:
        number = connection.request(f"/{kind}?50")
        secure.sendall(f"GET /{kind}?50 HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        if kind == "blocks":  # a list may lie in shared memory as a whole
            until(lambda: spool_files(server) == 2, "both answers wait")
        assert server.get("/entered", timeout=10).text == "0"
        connection.acknowledge = True
        connection.h2.increment_flow_control_window(2**30, number)
        connection.flush()
        assert connection.response(number).body == BLOCK * 50
        data = b""
        while piece := secure.recv(65536):
            data += piece
        assert data.endswith(BLOCK * 50)


# --- configuration ---


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("WSGIRequestSpool 12x", 'WSGIRequestSpool must be Off or a number of bytes like 16M, not "12x"'),
        ("WSGIResponseSpool -1", 'WSGIResponseSpool must be Off or a number of bytes like 16M, not "-1"'),
        ("WSGIResponseSpool On", 'WSGIResponseSpool must be Off or a number of bytes like 16M, not "On"'),
        ("WSGISpoolLimit 99999999999999999999", "WSGISpoolLimit must be Off or a number"),
        ("WSGISpoolDirectory /no/such", 'WSGISpoolDirectory: "/no/such" is not a directory'),
        ("<Location />\nWSGISpoolLimit 1M\n</Location>", "WSGISpoolLimit not allowed in <Location>"),
    ],
)
def test_configuration_errors(httpd: Make, line: str, sentence: str) -> None:
    status, output = httpd(line + "\n", start=False).check()
    assert status != 0
    assert sentence in output
