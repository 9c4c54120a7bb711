# SPDX-License-Identifier: Apache-2.0
"""A daemon whose memory is damaged can send anything. Apache's side believes none of it: the client gets an error or
sees that the response is cut, the log has a code, and the next request is served.

An impostor stands in for such a daemon: it takes the place of the socket's file before any request has come, so that it
answers from the first byte on. In test_strangers.py a real daemon lies, in the middle of a request that it took."""

from __future__ import annotations

import array
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.client import ClosedError
from harness.server import Httpd

HEAD, DATA, RESPONSE, FILE, END, LENT = 2, 4, 5, 6, 7, 10


def frame(kind: int, payload: bytes = b"", flags: int = 0, arg: int = 0, length: int | None = None) -> bytes:
    return struct.pack("=IBBH", len(payload) if length is None else length, kind, flags, arg) + payload


def response(status: int = 200, *fields: tuple[bytes, bytes], count: int | None = None, reason: bytes = b"OK") -> bytes:
    pairs = b"".join(struct.pack("=HHI", len(k), 0, len(v)) + k + b"\0" + v + b"\0" for k, v in fields)
    head = struct.pack("=HHI", status, len(fields) if count is None else count, len(reason)) + reason + b"\0"
    return frame(RESPONSE, head + pairs)


def end(size: int) -> bytes:
    return frame(END, struct.pack("=QQ", size, 1))


TYPE = (b"Content-Type", b"text/plain")
GOOD = response(200, TYPE) + frame(DATA, b"hello") + end(5)


class Impostor:
    """Answers each request with the bytes of `answer`, and with descriptors when it is told to."""

    def __init__(self, path: Path) -> None:
        path.unlink()
        self.answer = GOOD
        self.descriptors: list[int] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(50)
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            while header := stream.read(8):
                length, kind = struct.unpack("=IBBH", header)[:2]
                stream.read(length)
                if kind != HEAD:
                    continue
                try:
                    rights = array.array("i", self.descriptors)
                    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
                    connection.sendmsg([self.answer], ancillary)
                except OSError:
                    return

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@pytest.fixture(scope="module")
def server(module_path: Path) -> Iterator[tuple[Httpd, Impostor]]:
    server = Httpd(module_path)
    impostor = None
    try:
        server.configure(
            "WSGIDaemonProcess d processes=1 threads=2 socket-timeout=10\nWSGIProcessGroup d\n"
            "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/responses.py\n",
            children=1,
        )
        server.start()
        (path,) = (p for p in (server.root / "run").iterdir() if p.is_socket())
        impostor = Impostor(path)
        yield server, impostor
    finally:
        if impostor:
            impostor.close()
        server.dispose()


def still_serves(server: Httpd, impostor: Impostor) -> None:
    impostor.answer, impostor.descriptors = GOOD, []
    response = server.get("/")
    assert (response.status, response.body) == (200, b"hello")


REFUSED = {
    "two lengths": (response(200, TYPE, (b"Content-Length", b"5"), (b"content-length", b"5")), 500, "MWS4071"),
    "a length that is no number": (response(200, TYPE, (b"Content-Length", b"5x")), 500, "MWS4072"),
    "a negative length": (response(200, TYPE, (b"Content-Length", b"-5")), 500, "MWS4072"),
    "chunks of its own": (response(200, TYPE, (b"Transfer-Encoding", b"chunked")), 500, "MWS4073"),
    "a connection of its own": (response(200, TYPE, (b"CONNECTION", b"close")), 500, "MWS4073"),
    "another protocol": (response(200, TYPE, (b"Upgrade", b"websocket")), 500, "MWS4073"),
    "a status before the final one": (response(101), 500, "MWS4074"),
    "a status that is none": (response(99), 502, "MWS4061"),
    "a field's name with a blank": (response(200, (b"a b", b"c")), 502, "MWS4061"),
    "a field without a name": (response(200, (b"", b"c")), 502, "MWS4061"),
    "a line break in a value": (response(200, (b"X", b"a\r\nSet-Cookie: b")), 502, "MWS4061"),
    "a line break in the reason": (response(200, reason=b"OK\r\nX: y"), 502, "MWS4061"),
    "fewer fields than it says": (response(200, TYPE, count=2), 502, "MWS4061"),
    "a head that is too short": (frame(RESPONSE, b"\0" * 4), 502, "MWS4061"),
    "a file without a head": (frame(FILE, struct.pack("=QQ", 0, 5)), 502, "MWS4061"),
    "a flag that nobody has": (frame(DATA, b"x", flags=0x80), 502, "MWS4061"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_E2_an_answer_that_makes_no_sense_is_an_error(server: tuple[Httpd, Impostor], name: str) -> None:
    httpd, impostor = server
    answer, status, code = REFUSED[name]
    mark = len(httpd.log())
    impostor.answer = answer + end(0)
    got = httpd.get("/")
    assert got.status == status
    assert b"hello" not in got.body
    assert not got.all("Set-Cookie")
    assert got.all("Upgrade") == got.all("X") == []
    httpd.wait_log(code, since=mark)
    still_serves(httpd, impostor)


CUT = {
    "an end that counts wrong": frame(DATA, b"hello") + end(4),
    "an end that counts too much": frame(DATA, b"hello") + end(6),
    "a file without a descriptor": frame(FILE, struct.pack("=QQ", 0, 5)) + end(5),
    "a block that is on no shelf": frame(LENT, struct.pack("=II", 0xFFFFFF, 5)) + end(5),
    "bytes that are no frame": frame(DATA, b"hello") + b"\xff" * 64,
}


@pytest.mark.parametrize("name", CUT)
def test_E2_a_response_that_goes_wrong_is_cut(server: tuple[Httpd, Impostor], name: str) -> None:
    httpd, impostor = server
    mark = len(httpd.log())
    impostor.answer = response(200, TYPE) + CUT[name]
    got = httpd.get("/")
    assert got.status == 502 or (got.status == 200 and not got.complete)
    httpd.wait_log("MWS4061", since=mark)
    still_serves(httpd, impostor)


def test_E2_a_file_beyond_its_end(server: tuple[Httpd, Impostor], tmp_path: Path) -> None:
    httpd, impostor = server
    (tmp_path / "short").write_bytes(b"abc")
    with open(tmp_path / "short", "rb") as file:
        impostor.descriptors = [file.fileno()]
        impostor.answer = response(200, TYPE) + frame(FILE, struct.pack("=QQ", 0, 5)) + end(5)
        try:
            got = httpd.get("/")
            assert not got.complete
        except ClosedError:
            pass  # the head was still on its way
    still_serves(httpd, impostor)


def test_E2_descriptors_that_nobody_asked_for_do_not_stay(server: tuple[Httpd, Impostor], tmp_path: Path) -> None:
    httpd, impostor = server
    (tmp_path / "stray").write_bytes(b"x")
    with open(tmp_path / "stray", "rb") as file:
        for _ in range(5):
            impostor.answer, impostor.descriptors = GOOD, [file.fileno()] * 5
            httpd.get("/")
    still_serves(httpd, impostor)
    for process in httpd.processes():
        links = (link.readlink() for link in Path(f"/proc/{process.pid}/fd").iterdir() if link.is_symlink())
        assert tmp_path / "stray" not in set(links)
