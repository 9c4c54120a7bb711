# SPDX-License-Identifier: Apache-2.0
"""Large blocks go from a daemon to Apache's children by shared memory, or by the socket when that is full or off."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.client import ClosedError, Connection
from harness.server import Httpd
from harness.waiting import until

SLOT = 512 * 1024
APP = """
import hashlib

PATTERN = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(1 << 15))

def application(environ, start_response):
    shape, _, size = environ["PATH_INFO"][1:].partition("/")
    if shape == "pid":
        import os
        start_response("200 OK", [])
        return [b"%d" % os.getpid()]
    count, size = divmod(int(size), len(PATTERN))
    body = PATTERN * count + PATTERN[:size]
    start_response("200 OK", [("Content-Length", str(len(body) * 2))] if shape == "short" else [])
    if shape == "blocks":
        return [b"", *(body[i : i + 70001] for i in range(0, len(body), 70001)), b""]
    if shape == "stream":
        return (body[i : i + 300000] for i in range(0, len(body), 300000))
    return [body]
"""
CONFIG = """
WSGIDaemonProcess d processes=1 threads=8 {buffer}
WSGIProcessGroup d
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {{apps}}/large.py
SendBufferSize 65536
"""
PATTERN = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(1 << 15))
BUFFERS = {"default": "", "one slot": f"shared-buffer-size={SLOT}", "off": "shared-buffer-size=0"}


@pytest.fixture(scope="module", params=list(BUFFERS))
def server(request: pytest.FixtureRequest, module_path: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        server.configure(CONFIG.format(buffer=BUFFERS[request.param]), threads=40)
        server.app("large.py", APP)
        server.start()
        yield server
    finally:
        server.dispose()


def expected(size: int) -> bytes:
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


@pytest.mark.parametrize("shape", ["whole", "blocks", "stream"])
@pytest.mark.parametrize(
    "size", [32 * 1024, 32 * 1024 + 1, SLOT - 1, SLOT, SLOT + 1, 4 * SLOT, 4 * SLOT + 1, 20_000_003]
)
def test_large_bodies_arrive(server: Httpd, shape: str, size: int) -> None:
    response = server.get(f"/{shape}/{size}")
    assert (response.status, response.complete) == (200, True)
    assert response.body == expected(size)


def test_clients_that_do_not_read_take_nothing_from_others(server: Httpd) -> None:
    """Seven of eight threads wait for slow clients, with more bytes under way than the shared memory holds."""
    slow = [Connection(server.port) for _ in range(7)]
    try:
        for connection in slow:
            connection.request(path="/whole/20000003")
        for connection in slow:
            assert connection.head().status == 200
        for _ in range(3):
            assert server.get(f"/whole/{5 * SLOT}").body == expected(5 * SLOT)
        for connection in slow:
            assert connection.take(20000003) == (expected(20000003), True)
    finally:
        for connection in slow:
            connection.close()


def test_a_client_that_leaves_gives_everything_back(server: Httpd) -> None:
    """More often than there are slots."""
    for _ in range(40):
        with Connection(server.port) as connection:
            connection.request(path=f"/whole/{8 * SLOT}")
            assert connection.head().status == 200
    assert server.get(f"/whole/{8 * SLOT}").body == expected(8 * SLOT)


def test_fewer_bytes_than_announced_are_a_cut_response(server: Httpd) -> None:
    response = server.get(f"/short/{4 * SLOT}")
    assert not response.complete
    assert response.body == expected(4 * SLOT)


def test_death_in_a_large_body(server: Httpd) -> None:
    """What the dead daemon laid down is whole or visibly cut, and its successor serves."""
    pid = int(server.get("/pid").body)
    with Connection(server.port) as connection:
        connection.request(path="/whole/20000003")
        assert connection.head().status == 200
        os.kill(pid, signal.SIGKILL)
        body, whole = connection.take(20000003)
    assert not whole
    assert body == expected(20000003)[: len(body)]

    def serves() -> bool:
        try:
            return int(server.get("/pid").body) != pid
        except (ClosedError, ValueError):
            return False

    until(serves, "a successor serves")
    assert server.get(f"/whole/{4 * SLOT}").body == expected(4 * SLOT)
