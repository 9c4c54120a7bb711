# SPDX-License-Identifier: Apache-2.0
"""Slow clients do not keep others waiting, and large bodies take no memory."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from frame import Lab, Outcome, goal
from harness import protocols
from harness.client import ClosedError, Connection, fetch
from harness.server import Httpd

GROUP = "WSGIDaemonProcess app processes=2 threads=10\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n"
HARDENED = GROUP + "RequestReadTimeout handshake=5 header=5-20,MinRate=500 body=10,MinRate=500\nTimeout 60\n"
HARDENED += 'WSGIScriptAlias / "{apps}/sized.py"\n'

APPLICATION = """
BLOCK = bytes(range(256)) * 256

def application(environ, start_response):
    path, number = environ["PATH_INFO"], int(environ["QUERY_STRING"] or 0)
    answer = b"fine"
    if path == "/generator":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return (BLOCK for _ in range(number))
    if path == "/body":
        size = 0
        while piece := environ["wsgi.input"].read(65536):
            size += len(piece)
        answer = str(size).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [answer]
"""


@contextmanager
def serving(lab: Lab, config: str, **options: object) -> Iterator[Httpd]:
    with lab.httpd(protocols.load_module("reqtimeout") + config, start=False, **options) as server:
        server.app("sized.py", APPLICATION)
        server.start()
        server.get("/")
        yield server


# --- R11 ---


def good_requests(server: Httpd, count: int = 100) -> int:
    """Twenty a second, each on a connection of its own; how many were answered within a second."""
    answered = []

    def one() -> None:
        begin = time.monotonic()
        try:
            good = fetch(server.port, "/", timeout=10).body == b"fine"
        except (OSError, ClosedError):
            good = False
        answered.append(good and time.monotonic() - begin < 1.0)

    threads = []
    for _ in range(count):
        threads.append(threading.Thread(target=one))
        threads[-1].start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    return sum(answered)


def beside(lab: Lab, begin: object, clients: int, after: float = 1.0) -> Outcome:
    with ExitStack() as held, serving(lab, HARDENED, children=4, threads=100) as server:
        for _ in range(clients):
            held.enter_context(begin(server))  # type: ignore[operator]
        time.sleep(after)
        answered = good_requests(server)
        held.close()
    return Outcome(f"{answered} of 100", answered >= 99)


# httpd reads a head with a worker: 600 of them hold 400 workers until RequestReadTimeout (5 s here) sheds them. No
# module can help before that.
@goal("R11", "good requests answered within 1 s, 6 s after 600 endless heads began, 400 workers", ">= 99 %", "0 %")
def slow_headers(lab: Lab) -> Outcome:
    def begin(server: Httpd) -> Connection:
        connection = server.connect()
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Endless: ")
        return connection

    return beside(lab, begin, 600, after=6.0)


@goal("R11", "the same beside 200 stalled bodies, 20 application threads", ">= 99 %", "0 %")
def slow_bodies(lab: Lab) -> Outcome:
    def begin(server: Httpd) -> Connection:
        connection = server.connect()
        connection.request("POST", "/body", [("Content-Length", "1000000")], b"x" * 100000)
        return connection

    return beside(lab, begin, 200)


@goal("R11", "the same beside 30 clients that do not read 12 MiB, 20 application threads", ">= 99 %", "0 %")
def slow_readers(lab: Lab) -> Outcome:
    def begin(server: Httpd) -> Connection:
        connection = Connection(server.port, receive_buffer=4096)
        connection.request("GET", "/generator?192")
        return connection

    return beside(lab, begin, 30)


# --- R10 ---


def peaks(server: Httpd) -> dict[int, int]:
    """The most memory that each process has had, in KiB."""
    found = {}
    for process in server.processes():
        with open(f"/proc/{process.pid}/status") as status:
            lines = [line for line in status if line.startswith("VmHWM:")]
        found[process.pid] = int(lines[0].split()[1])
    return found


def upload(server: Httpd, megabytes: int) -> bool:
    block = b"x" * (1 << 20)
    with server.connect() as connection:
        connection.request("POST", "/body", [("Content-Length", str(megabytes << 20))])
        for _ in range(megabytes):
            connection.send(block)
        return connection.response().text == str(megabytes << 20)


def download(server: Httpd, megabytes: int) -> bool:
    """Takes the chunks as they come and keeps none."""
    expected = hashlib.sha256(bytes(range(256)) * 256 * 16).hexdigest()
    whole = True
    with server.connect() as connection:
        connection.request("GET", f"/generator?{megabytes * 16}")
        whole = connection.head().status == 200
        digest, size = hashlib.sha256(), 0
        while piece := connection.chunk():
            room = (1 << 20) - size % (1 << 20)
            digest.update(piece[:room])
            if len(piece) >= room:
                whole = whole and digest.hexdigest() == expected
                digest = hashlib.sha256(piece[room:])
            size += len(piece)
    return whole and piece == b"" and size == megabytes << 20


@goal(
    "R10",
    "growth of a process's peak memory by 1 GiB up, 1 GiB down and 30 slow readers",
    "<= 16 MiB",
    "< 2 MiB at 2 GiB",
)
def large_bodies(lab: Lab) -> Outcome:
    with serving(lab, GROUP + 'LimitRequestBody 0\nWSGIScriptAlias / "{apps}/sized.py"\n', threads=64) as server:
        right = upload(server, 4) and download(server, 4)
        before = peaks(server)
        right = upload(server, 1024) and download(server, 1024) and right
        with ExitStack() as held:
            for _ in range(30):
                connection = held.enter_context(Connection(server.port, receive_buffer=4096))
                connection.request("GET", "/generator?192")
            time.sleep(3)
            after = peaks(server)
        growth = max(after[pid] - before[pid] for pid in before if pid in after)
    return Outcome(f"{growth / 1024:.1f} MiB", right and growth <= 16 * 1024, "" if right else "bytes were wrong")
