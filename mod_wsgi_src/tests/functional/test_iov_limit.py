# SPDX-License-Identifier: Apache-2.0
"""A system that takes few blocks in one vector, as Solaris has it. The shim makes this one of them.

The control: a module whose writer ignores the limit must fail the same exchange, or the tests above it prove nothing.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from harness import building
from harness.server import Httpd

Make = Callable[..., Httpd]

VECTORS = """
import hashlib, json

BLOCK = bytes(range(256)) * 32

def fields(environ):
    return json.dumps({key: value for key, value in environ.items() if key.startswith("HTTP_X_EXTRA_")}).encode()

def application(environ, start_response):
    what = environ["PATH_INFO"]
    if what == "/fields":
        body = fields(environ)
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    if what == "/answer":
        start_response("200 OK", [("X-Field-%d" % i, "value %d" % i * 3) for i in range(200)])
        return [b"two hundred"]
    if what == "/pieces":
        start_response("200 OK", [])
        return (b"piece %d\\n" % i for i in range(100))
    if what == "/vector":
        start_response("200 OK", [])
        return [BLOCK] * 100
    body = environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [hashlib.sha256(body).hexdigest().encode()]
"""
CONFIG = """
LimitRequestFields 5000
WSGIChunkedRequest On
WSGIDaemonProcess d processes=1 threads=4 shared-buffer-size=0
WSGIProcessGroup d
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / {apps}/vectors.py
"""
BODY = bytes(range(256)) * 32 * 100


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return building.shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module", params=["16", "3", "1", "16 short 1", "3 short 7"])
def server(request: pytest.FixtureRequest, module_path: Path, shim: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        start(server, shim, *request.param.split(" short "))
        yield server
    finally:
        server.dispose()


def start(server: Httpd, shim: Path, limit: str, short: str = "", faults: str = "") -> None:
    preload = server.root / "iovmax.so"
    preload.write_bytes(shim.read_bytes())
    preload.chmod(0o755)
    server.configure(CONFIG)
    server.app("vectors.py", VECTORS)
    env = {"LD_PRELOAD": str(preload), "IOVMAX_LIMIT": limit}
    env.update({"IOVMAX_SHORT": short} if short else {}, **({"IOVMAX_FAULTS": faults} if faults else {}))
    server.start(env)
    assert b"iovmax.so" in Path(f"/proc/{server.process.pid}/maps").read_bytes()  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [*range(9), 15, 16, 17, 100, 470, 471, 472, 512, 600, 4990])
def test_D4_request_fields(server: Httpd, count: int) -> None:
    sent = {f"X-Extra-{i}": f"value {i}" for i in range(count)}
    response = server.get("/fields", sent)
    assert response.status == 200, server.log()[-2000:]
    assert json.loads(response.body) == {f"HTTP_X_EXTRA_{i}": f"value {i}" for i in range(count)}


def test_D4_a_response_of_200_fields(server: Httpd) -> None:
    response = server.get("/answer")
    assert response.body == b"two hundred"
    assert [f for f in response.fields if f[0].startswith("X-Field-")] == [
        (f"X-Field-{i}", f"value {i}" * 3) for i in range(200)
    ]


def test_D4_a_hundred_pieces(server: Httpd) -> None:
    response = server.get("/pieces")
    assert response.complete
    assert response.body == b"".join(b"piece %d\n" % i for i in range(100))


@pytest.mark.parametrize("seed", range(4))
def test_D5_faults_of_the_inner_socket(module_path: Path, shim: Path, seed: int) -> None:
    """Interrupted calls, calls that would block, and partial ones, in any place: the same bytes."""
    server = Httpd(module_path)
    try:
        start(server, shim, "1024", faults=str(seed + 1))
        for count in (0, 1, 5, 40):
            sent = {f"X-Extra-{i}": f"value {i}" for i in range(count)}
            assert json.loads(server.get("/fields", sent).body) == {
                f"HTTP_X_EXTRA_{i}": f"value {i}" for i in range(count)
            }
            body = BODY[seed : seed + 20000 + count]
            assert server.get("/body", method="POST", body=body).body == hashlib.sha256(body).hexdigest().encode()
            assert server.get("/pieces").body == b"".join(b"piece %d\n" % i for i in range(100))
            assert server.get("/answer").body == b"two hundred"
    finally:
        server.dispose()


def vector_arrives(server: Httpd) -> bool:
    """A hundred blocks in one list: sent from where they lie, so the vector is longer than any of the limits."""
    response = server.get("/vector")
    return response.status == 200 and response.complete and response.body == BODY


def test_D4_a_long_vector(server: Httpd) -> None:
    assert vector_arrives(server), server.log()[-2000:]


@pytest.mark.parametrize("size", [0, 1, 65536, 200000])
def test_D4_request_bodies(server: Httpd, size: int) -> None:
    body = BODY[:size]
    digest = hashlib.sha256(body).hexdigest().encode()
    assert server.get("/body", method="POST", body=body).body == digest
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 777]), body[i : i + 777]) for i in range(0, size, 777))
    chunked = server.get("/body", [("Transfer-Encoding", "chunked")], method="POST", body=chunks + b"0\r\n\r\n")
    assert chunked.body == digest


@pytest.fixture(scope="module")
def unsliced(module_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return building.module(tmp_path_factory.mktemp("unsliced"), "-O0 -DWIO_UNSLICED_FOR_TEST")


def test_the_control_fails(unsliced: Path, shim: Path) -> None:
    """The same exchange with the same module, built so that it does not cut vectors: it must not pass."""
    server = Httpd(unsliced)
    try:
        module = server.root / "mod_wsgi.so"
        module.write_bytes(unsliced.read_bytes())
        server.module = module
        start(server, shim, "16")
        assert server.get("/pieces").body == b"".join(b"piece %d\n" % i for i in range(100)), "short vectors still work"
        assert not vector_arrives(server)
    finally:
        server.dispose()


def test_the_shim_itself(shim: Path) -> None:
    """It says and enforces its limit."""
    program = "import os, socket; a, b = socket.socketpair(); print(os.sysconf('SC_IOV_MAX'), a.sendmsg([b'x'] * 5))"

    def run(limit: str) -> subprocess.CompletedProcess[str]:
        env = {"LD_PRELOAD": str(shim), "IOVMAX_LIMIT": limit}
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)

    assert run("5").stdout.split() == ["5", "5"]
    assert "Message too long" in run("4").stderr


def test_the_shim_makes_faults(shim: Path) -> None:
    program = """
import collections, socket
a, b = socket.socketpair()
found = collections.Counter()
for _ in range(100):
    try:
        found["whole" if a.sendmsg([b"x" * 100]) == 100 else "part"] += 1
    except BlockingIOError:
        found["would block"] += 1
print(sorted(found))
"""
    env = {"LD_PRELOAD": str(shim), "IOVMAX_LIMIT": "16", "IOVMAX_FAULTS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env)
    assert eval(done.stdout) == ["part", "whole", "would block"], done.stderr
