# SPDX-License-Identifier: Apache-2.0
"""Bytes and visitors that do not belong on the daemons' socket."""

from __future__ import annotations

import os
import random
import socket
import struct
import subprocess
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


DAEMON = (
    "WSGIDaemonProcess d processes=1 threads=2\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
    "WSGIScriptAlias / {apps}/responses.py\n"
)

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
def test_E2_wrong_bytes_are_refused(server: Httpd, name: str) -> None:
    with connect(server) as connection:
        try:
            connection.sendall(WRONG[name])
            connection.shutdown(socket.SHUT_WR)
        except (ConnectionResetError, BrokenPipeError):
            return
        assert is_refused(connection)
    assert server.get("/hello").status == 200


def test_E2_random_bytes_kill_nobody(server: Httpd) -> None:
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


# --- E2, the other way: a daemon whose answers make no sense ---

LIAR = """
import os, socket, stat

def connection():
    \"\"\"The one to Apache: a Unix socket with a name.\"\"\"
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            found = socket.socket(fileno=os.dup(int(name)))
            if found.family == socket.AF_UNIX and found.getsockname() and not found.getsockopt(
                    socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return found
            found.close()
        except OSError:
            continue

def application(environ, start_response):
    if environ["PATH_INFO"] == "/lie":
        with connection() as found:
            found.sendall(bytes.fromhex(environ["QUERY_STRING"]))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"truth"]
"""
RESPONSE, FILE, ABORT, RETRY, LENT = 5, 6, 8, 9, 10
BEGUN = frame(RESPONSE, struct.pack("=HHI", 200, 0, 0) + b"\0")
LIES = {
    "nothing like a frame": b"HTTP/1.1 200 OK\r\n\r\n",
    "a frame of 4 GiB": frame(RESPONSE, b"", length=0xFFFFFFFF),
    "an unknown type": frame(77, b""),
    "a question": frame(HEAD, bytes(80)),
    "a greeting": hello(),
    "a head of rubbish": frame(RESPONSE, b"\xff" * 50),
    "an empty head": frame(RESPONSE, b""),
    "a body without a head": frame(DATA, b"x" * 100),
    "an end without a head": frame(END, bytes(16)),
    "a file that was not sent": BEGUN + frame(FILE, struct.pack("=QQ", 0, 100)),
    "a block that is not on its shelf": BEGUN + frame(LENT, struct.pack("=II", 5, 100)),
    "a block of another shelf": BEGUN + frame(LENT, struct.pack("=II", 0xFFFFFFFF, 0xFFFFFFFF)),
    "an end of another length": BEGUN + frame(DATA, b"x" * 10) + frame(END, struct.pack("=QQ", 11, 1)),
    "two heads": BEGUN + BEGUN,
    "something behind the end": BEGUN + frame(END, bytes(16)) + frame(DATA, b"more"),
    "a refusal after it had begun": frame(RETRY, b"", arg=1),
    "a wish for all there is": frame(READ, struct.pack("=I", 0xFFFFFFFF)),
    "an odd status": frame(ABORT, b"", arg=65535),
    "zeroes": bytes(1000),
}


@pytest.fixture(scope="module")
def liar(module_path: Path) -> object:
    server = Httpd(module_path)
    try:
        server.configure(DAEMON.replace("responses.py", "liar.py"))
        server.app("liar.py", LIAR)
        server.start()
        yield server
    finally:
        server.dispose()


def believed(server: Httpd, lie: bytes) -> bool:
    """Whether a client got something whole that is not the truth. Apache's process must live on."""
    apache = {p.pid for p in server.processes()} - server.daemon_pids()
    response = server.get(f"/lie?{lie.hex()}", timeout=10)
    assert until(lambda: server.get("/").body == b"truth", "the truth is told again")
    assert {p.pid for p in server.processes()} - server.daemon_pids() == apache
    return response.status < 500 and response.complete and response.body != b"truth"


@pytest.mark.parametrize("name", LIES)
def test_E2_a_daemon_that_lies(liar: Httpd, name: str) -> None:
    assert not believed(liar, LIES[name])


@pytest.mark.parametrize("seed", range(3))
def test_E2_a_daemon_that_babbles(liar: Httpd, seed: int) -> None:
    source = random.Random(seed)
    for _ in range(30):
        lie = b"".join(
            frame(source.randrange(12), source.randbytes(source.choice([0, 4, 8, 16, 40])), source.randrange(4), 0)
            for _ in range(source.randint(1, 4))
        )
        liar.get(f"/lie?{lie.hex()}", timeout=10)
    believed(liar, b"\xff")


# --- F8: whoever is not the server ---

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


def test_F8_no_token(httpd: Callable[..., Httpd]) -> None:
    """Closed each time, told once with what came since."""
    server = httpd(DAEMON)
    before = server.get("/pid").text
    for _ in range(20):
        with connect(server) as connection:
            connection.sendall(hello() + head())
            assert is_refused(connection)
    assert server.log().count("MWS3051") == 1
    assert "refused 1 connections that are not from this server" in server.log()
    assert server.get("/pid").text == before


CONNECT = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(10)
try:
    connection.connect(sys.argv[1])
    connection.sendall(b"x" * 100)
    print("read", connection.recv(100))
except OSError as error:
    print(type(error).__name__)
"""


@only_root
def test_F8_another_user(httpd: Callable[..., Httpd]) -> None:
    """The socket's mode keeps others out; should that be wrong, the daemon asks the kernel who it is."""
    server = httpd(DAEMON)
    (path,) = (p for p in (server.root / "run").iterdir() if p.is_socket())

    def stranger() -> str:
        command = ["/usr/bin/python3", "-c", CONNECT, str(path)]
        return subprocess.run(command, capture_output=True, text=True, user="games", cwd="/").stdout.strip()

    assert stranger() == "PermissionError"
    path.chmod(0o666)
    for _ in range(3):
        assert stranger() in ("read b''", "ConnectionResetError", "BrokenPipeError")
    assert server.log().count("MWS3052") == 1
    assert server.get("/hello").status == 200


# --- F7: one group and another ---

INTRUDER = """
import ctypes, os, socket

PTRACE_ATTACH = 16

def application(environ, start_response):
    pid, path = environ["QUERY_STRING"].split("&")
    found = {}

    def attempt(name, action):
        try:
            found[name] = repr(action())
        except OSError as error:
            found[name] = type(error).__name__

    def connect():
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)

    def trace():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(PTRACE_ATTACH, int(pid), None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    attempt("connect", connect)
    attempt("signal", lambda: os.kill(int(pid), 9))
    attempt("trace", trace)
    for name in ("environ", "mem", "maps", "cwd/.", "root/tmp", "fd"):
        attempt(name, lambda: os.listdir(f"/proc/{pid}/fd") if name == "fd" else open(f"/proc/{pid}/{name}").read(1))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((os.getuid(), found)).encode()]
"""


@only_root
def test_F7_a_group_cannot_reach_another(httpd: Callable[..., Httpd]) -> None:
    server = httpd(
        "WSGIDaemonProcess a processes=1 threads=1 user=games group=games\n"
        "WSGIDaemonProcess b processes=1 threads=1 user=nobody group=nogroup\n"
        'WSGIScriptAlias /a "{apps}/intruder.py" process-group=a application-group=%{GLOBAL}\n'
        'WSGIScriptAlias /b "{apps}/responses.py" process-group=b application-group=%{GLOBAL}\n',
        start=False,
    )
    server.app("intruder.py", INTRUDER)
    server.start()
    pid = server.get("/b/pid").text
    for path in (p for p in (server.root / "run").iterdir() if p.is_socket()):
        uid, found = eval(server.get(f"/a?{pid}&{path}").text)
        assert uid not in (0, os.stat(f"/proc/{pid}").st_uid)
        assert len(found) == 9
        assert set(found.values()) == {"PermissionError"}, found
    assert server.get("/b/pid").text == pid


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
