# SPDX-License-Identifier: Apache-2.0
"""What an ordinary request in daemon mode asks of the kernel, call by call. Numbers do not depend on the machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.client import Connection
from harness.server import Httpd
from harness.waiting import until

REQUESTS = 40
APP = """
import os

LARGE = b"x" * (1 << 20)

def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/pids":
        body = f"{environ['mod_wsgi.server_pid']} {os.getpid()}".encode()
    else:
        body = LARGE if path == "/large" else b"Hello World!"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
CONFIG = """
KeepAliveTimeout 20
WSGIDaemonProcess d processes=1 threads=2
WSGIProcessGroup d
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / {apps}/calls.py
"""
# Who sleeps and who wakes a sleeper is the scheduler's choice; the others are of the threads that watch the clock.
NOT_COUNTED = {"futex", "restart_syscall", "clock_nanosleep", "clone3", "exit", "madvise", "mmap", "munmap", "mprotect"}
NOT_COUNTED |= {"rseq", "set_robust_list", "rt_sigprocmask", "gettid", "poll"}
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed>)", re.MULTILINE)


@pytest.fixture(scope="module")
def server(module_path: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        server.configure(CONFIG)
        server.app("calls.py", APP)
        server.start()
        yield server
    finally:
        server.dispose()


class Trace:
    """The system calls of a process and its threads, while the block runs."""

    def __init__(self, pid: int, output: Path) -> None:
        self.output = output
        command = ["strace", "-f", "-o", str(output), "-p", str(pid)]
        self.said = output.with_suffix(".said")
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=said)

    def __enter__(self) -> Trace:
        until(self._attached, "strace has the process")
        return self

    def _attached(self) -> bool:
        text = self.said.read_text()
        if self.process.poll() is not None:
            pytest.skip(f"strace may not trace here: {text}")
        return "attached" in text

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        # A call that another thread interrupts has two lines; its end counts.
        lines = [line for line in self.output.read_text().splitlines() if not line.endswith("<unfinished ...>")]
        self.calls = Counter(name for name in CALL.findall("\n".join(lines)) if name not in NOT_COUNTED)

    def each(self, name: str) -> float:
        return self.calls[name] / REQUESTS


def traced(server: Httpd, path: str, tmp_path: Path) -> tuple[Trace, Trace]:
    """Apache's child and the daemon, while they serve requests over one connection."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    with Connection(server.port) as connection:

        def get(path: str) -> bytes:
            connection.request(path=path)
            response = connection.response()
            assert (response.status, response.complete) == (200, True)
            return response.body

        child, daemon = map(int, get("/pids").split())
        get(path)
        with Trace(child, tmp_path / "child") as of_child, Trace(daemon, tmp_path / "daemon") as of_daemon:
            for _ in range(REQUESTS):
                get(path)
    return of_child, of_daemon


def test_an_ordinary_request(server: Httpd, tmp_path: Path) -> None:
    child, daemon = traced(server, "/", tmp_path)
    assert sum(daemon.calls.values()) <= 4.1 * REQUESTS, daemon.calls
    assert daemon.each("sendmsg") == daemon.each("recvfrom") == 1, daemon.calls
    # One of the child's to the daemon and one back: over a connection that is there, and nobody looks before.
    assert child.each("sendmsg") == child.each("recvmsg") == 1, child.calls
    assert not {"socket", "connect", "close", "openat", "fcntl"} & set(child.calls), child.calls
    assert child.each("newfstatat") + child.each("stat") <= 1, child.calls


def test_a_large_response(server: Httpd, tmp_path: Path) -> None:
    """Its bytes are on the shelf: neither side moves them through the socket."""
    child, daemon = traced(server, "/large", tmp_path)
    assert daemon.each("sendmsg") <= 1.1, daemon.calls
    assert child.each("recvmsg") <= 1.1, child.calls


def test_H4_ready_is_told_before_the_first_connection(server: Httpd, tmp_path: Path) -> None:
    """A request may ask for a successor at once; the manager hears that from none that it thinks is starting."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    (manager,), (daemon,) = server.managers(), server.daemons()
    with Trace(manager.pid, tmp_path / "manager") as trace:
        os.kill(daemon.pid, signal.SIGKILL)
        assert server.get("/").body == b"Hello World!"
    lines = trace.output.read_text().splitlines()
    accepted = next(re.search(r"accept4\((\d+)", line)[1] for line in lines if " accept4(" in line)
    told = next(n for n, line in enumerate(lines) if re.search(r' write\(\d+, "Y", 1', line))
    listens = next(n for n, line in enumerate(lines) if re.search(rf"epoll_ctl\(\d+, EPOLL_CTL_ADD, {accepted},", line))
    assert told < listens, lines[listens : told + 1]
