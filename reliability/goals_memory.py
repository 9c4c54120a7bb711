# SPDX-License-Identifier: Apache-2.0
"""Requests leave nothing behind: no memory, no descriptor, no thread."""

from __future__ import annotations

import os
from dataclasses import dataclass

from frame import Lab, Outcome, goal
from harness.client import Connection, fetch
from harness.server import Httpd

AT_ONCE = 200  # requests that are sent together; httpd takes as many without waiting
WARM, MEASURED = 200_000, 200_000
FAULTY = ["/unkind/raises?at=entry", "/unkind/raises?at=later&n=x", "/unkind/endless?n=x", "/responses/short"]
CONFIG = (
    "WSGIDaemonProcess app processes=1 threads=4\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n"
    'WSGIScriptAlias /responses "{apps}/responses.py"\nWSGIScriptAlias /unkind "{apps}/unkind.py"\n'
    "MaxKeepAliveRequests 0\n"
)


@dataclass
class Use:
    memory: int  # KiB, of the process that has grown most
    descriptors: int
    threads: int


def _use(pid: int) -> Use:
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return Use(int(lines["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(lines["Threads"]))


def uses(server: Httpd) -> dict[int, Use]:
    return {process.pid: _use(process.pid) for process in server.processes()}


def good(server: Httpd, count: int) -> None:
    request = b"GET /responses/hello HTTP/1.1\r\nHost: localhost\r\n\r\n" * AT_ONCE
    with server.connect() as connection:
        for _ in range(count // AT_ONCE):
            connection.send(request)
            seen = 0
            while seen < AT_ONCE:
                if not connection.fill():
                    raise AssertionError("the connection was closed")
                seen += connection.buffer.count(b"Hello World!")
                connection.buffer = connection.buffer[connection.buffer.rfind(b"Hello World!") + 12 :]


def faulty(server: Httpd, count: int) -> None:
    for number in range(count):
        path = FAULTY[number % len(FAULTY)]
        if "endless" in path:
            with Connection(server.port) as connection:  # leaves in the middle
                connection.request("GET", path)
                connection.head()
        else:
            fetch(server.port, path)


def growth(lab: Lab, errors: int) -> Outcome:
    with lab.httpd(CONFIG) as server:
        good(server, WARM)
        faulty(server, errors)
        before = uses(server)
        good(server, MEASURED)
        faulty(server, errors)
        after = uses(server)
    kept = before.keys() & after.keys()
    memory = max(after[pid].memory - before[pid].memory for pid in kept)
    descriptors = max(after[pid].descriptors - before[pid].descriptors for pid in kept)
    threads = max(after[pid].threads - before[pid].threads for pid in kept)
    ok = memory <= 256 and descriptors <= 0 and threads <= 0 and before.keys() == after.keys()
    return Outcome(f"{memory} KiB, {descriptors} fds, {threads} threads", ok)


@goal("R9", "growth of a process from 200 k to 400 k requests", "<= 256 KiB, 0 fds, 0 threads", "+4 KiB")
def requests(lab: Lab) -> Outcome:
    return growth(lab, 0)


@goal("R9", "the same with 2000 that fail or are given up", "<= 256 KiB, 0 fds, 0 threads")
def failing_requests(lab: Lab) -> Outcome:
    return growth(lab, 2000)
