# SPDX-License-Identifier: Apache-2.0
"""Limits, sizes and waits: each is seen to act, by what happens or by the number that the log tells with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.client import ClosedError, Connection, fetch
from harness.waiting import until

PATIENCE = 12.0  # less than the limits that would act if the option did not


class Lab:
    """A server with apps/limited.py; requests of it may hang until the gate is opened."""

    def __init__(self, express, *words, script: str = "limited.py") -> None:
        self.express, self.notes, self.gate = express, express.apps / "notes", express.apps / "gate"
        self.notes.mkdir()
        self.notes.chmod(0o777)
        os.mkfifo(self.gate)
        self.gate.chmod(0o666)
        self.handle = os.open(self.gate, os.O_RDWR)
        self.threads: list[threading.Thread] = []
        self.server = express.start(express.apps / script, "--log-level", "info", *words)

    def open_gate(self) -> None:
        os.write(self.handle, b"x" * 100)

    def end(self) -> None:
        self.open_gate()
        for thread in self.threads:
            thread.join(60)
        os.close(self.handle)

    def get(self, path: str, timeout: float = 30.0):
        return fetch(self.express.port, path, timeout=timeout)

    def log(self) -> str:
        return (self.express.root / "error_log").read_text()

    def told(self, pattern: str) -> re.Match[str]:
        return until(lambda: re.search(pattern, self.log()), f"{pattern} in\n{self.log()}", 30)

    def behind(self, path: str) -> list[int]:
        """A request in a thread of its own, which is in the application; its status when there is one."""
        status: list[int] = []

        def ask() -> None:
            try:
                status.append(fetch(self.express.port, path, timeout=60).status)
            except (OSError, ClosedError):
                status.append(0)

        (self.notes / "waiting").unlink(missing_ok=True)
        self.threads.append(threading.Thread(target=ask))
        self.threads[-1].start()
        until((self.notes / "waiting").exists, f"the request for {path}\n{self.log()}", 30)
        return status

    def pid(self) -> int:
        return int(self.get("/pid").body)


@pytest.fixture
def lab(express) -> Iterator[type]:
    made: list[Lab] = []

    def make(*words, **more):
        made.append(Lab(express, *words, **more))
        return made[-1]

    yield make
    for one in made:
        one.end()


def listen_backlog(port: int) -> int:
    """As the kernel has it, by its socket diagnostics."""
    ask = struct.pack("=BBBxIHH", socket.AF_INET6, socket.IPPROTO_TCP, 0, 1 << 10, socket.htons(port), 0)
    ask += bytes(32) + struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as channel:
        channel.send(struct.pack("=IHHII", 16 + len(ask), 20, 0x301, 1, 0) + ask)
        data = channel.recv(65536)
    while data:
        size, kind = struct.unpack_from("=IH", data)
        if kind != 20:
            break
        if struct.unpack_from("=H", data, 16 + 4)[0] == socket.htons(port):
            return struct.unpack_from("=I", data, 16 + 4 + 48 + 8)[0]
        data = data[(size + 3) & ~3 :]
    raise AssertionError(f"nobody listens on {port}")


def is_stopped(pid: int) -> bool:
    """Each thread stops when it is next to run; one could still take a connection."""
    states = [task.joinpath("stat").read_text().rpartition(") ")[2][0] for task in Path(f"/proc/{pid}/task").iterdir()]
    return set(states) == {"T"}


def fill(path: Path) -> list[socket.socket]:
    """As many connections as the kernel queues for somebody who takes none."""
    made = []
    while True:
        made.append(socket.socket(socket.AF_UNIX))
        made[-1].setblocking(False)
        try:
            made[-1].connect(str(path))
        except BlockingIOError:
            made.pop().close()
            return made


@pytest.mark.effect(
    "send-buffer-size",
    "receive-buffer-size",
    "header-buffer-size",
    "daemon-backlog",
    "connect-timeout",
    "maximum-requests",
    "server-backlog",
    "orphan-interpreter",
)
def test_sizes(lab, express):
    words = ["--send-buffer-size", 20000, "--receive-buffer-size", 30000, "--header-buffer-size", 60000]
    words += ["--daemon-backlog", 3, "--connect-timeout", 1, "--maximum-requests", 5, "--server-backlog", 77]
    one = lab(*words, "--orphan-interpreter", "--processes", 1)
    assert listen_backlog(express.port) == 77
    pid = until(lambda: one.server.daemons(f"localhost:{express.port}"), "a daemon")[0]
    door = until(lambda: list(express.root.glob("*.sock")), "its socket")[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: is_stopped(pid), "the stop of all its threads")
        queue = fill(door)
        assert len(queue) == 3 + 1, "the kernel lets one more in"
        assert one.get("/pid", PATIENCE).status == 503
        one.told("its listen-backlog stayed full for connect-timeout")
    finally:
        os.kill(pid, signal.SIGCONT)
    for waiting in queue:
        waiting.close()
    assert json.loads(one.get("/sizes").body) == [2 * 20000, 2 * 30000]
    assert len(one.get("/head/50000").get("X-Large")) == 50000  # the default takes 32768
    assert one.get("/head/70000").status == 500
    until(lambda: one.pid() != pid, "another process")
    one.told(f"process {pid} .*reached maximum-requests")
    one.server.stop()
    assert not (one.notes / "finalised").exists()


@pytest.mark.effect("restart-interval")
def test_a_process_of_age_is_replaced_and_finalises_python(lab):
    one = lab("--processes", 1, "--restart-interval", 1)
    before = one.pid()
    one.told(f"process {before} .*reached restart-interval")
    assert (one.notes / "finalised").exists()


@pytest.mark.effect("threads", "queue-timeout", "request-timeout", "interrupt-timeout")
def test_waits_of_requests(lab):
    one = lab("--threads", 6, "--queue-timeout", 3, "--request-timeout", 1, "--interrupt-timeout", 60, "--processes", 1)
    before = one.pid()
    for _ in range(4):  # one after the other: together more than the two seconds of the default
        hung = one.behind("/wait")
        assert until(lambda hung=hung: hung, "its end") == [504]
    one.told("ran longer than request-timeout=1 s")
    assert one.pid() == before
    for _ in range(2):
        one.behind("/wait")
    assert one.get("/pid").status == 504
    one.told("queue-timeout: no thread was free within 3 s")
    assert one.server.daemons(f"localhost:{one.express.port}") == [before]


@pytest.mark.effect("socket-timeout", "response-socket-timeout", "eviction-timeout", "shutdown-timeout")
def test_waits_for_daemons_and_clients(lab):
    words = ["--socket-timeout", 2, "--response-socket-timeout", 1, "--eviction-timeout", 1, "--shutdown-timeout", 1]
    one = lab(*words, "--processes", 1, "--graceful-timeout", 60)
    hung = one.behind("/wait")
    assert until(lambda: hung, "its end") == [504]
    one.told("socket-timeout: no answer within 2 s")
    one.open_gate()
    with Connection(one.express.port) as connection:
        connection.request("GET", "/endless")
        connection.socket.recv(10)
        until((one.notes / "closed").exists, "the end of a response that nobody takes", PATIENCE)
    assert not (one.notes / "taken").exists()
    before = one.pid()
    lost = one.behind("/last")
    os.kill(before, signal.SIGUSR1)
    until(lambda: before not in one.server.daemons(f"localhost:{one.express.port}"), "its eviction", PATIENCE)
    until(lambda: lost, "an answer")
    assert not (one.notes / "survived").exists(), "it would have had a minute"
    one.behind("/last")
    one.server.process.send_signal(signal.SIGTERM)
    one.server.stop()
    until(lambda: not one.server.leftovers(), "its end")
    assert not (one.notes / "survived").exists(), "it would have had five seconds"


@pytest.mark.effect("graceful-timeout")
def test_graceful_timeout(lab):
    one = lab("--graceful-timeout", 1, "--shutdown-timeout", 1, "--processes", 1)
    before = one.pid()
    lost = one.behind("/wait")
    os.kill(before, signal.SIGUSR1)
    one.told(f"process {before} .*1 requests still run after its graceful-timeout")
    assert until(lambda: lost, "an end") == [502]


@pytest.mark.effect("startup-timeout", "deadlock-timeout", "inactivity-timeout", "ignore-activity", "log-level")
def test_waits_for_processes(lab):
    words = ["--startup-timeout", 3, "--deadlock-timeout", 2, "--inactivity-timeout", 2, "--ignore-activity", "/pid"]
    one = lab(*words, "--processes", 1)
    before = one.pid()
    one.behind("/gil")
    one.told(f"process {before} .*no thread could take the GIL for deadlock-timeout=2 s")
    one.open_gate()
    until(lambda: one.pid() != before, "another process")
    before = int(one.get("/busy").body)
    until(lambda: one.pid() != before, "it was idle, although it was asked for its number all the time")
    one.told(f"process {before} .*was idle for 2 s")
    before = one.pid()  # the one that serves: the idle one may not be gone yet
    (one.notes / "do-not-load").touch()
    os.kill(before, signal.SIGUSR1)
    one.told("had loaded no script within startup-timeout=3 s")
    (one.notes / "do-not-load").unlink()


@pytest.mark.effect("cpu-time-limit", "verbose-debugging")
def test_processor_time_and_what_is_told_of_it(lab):
    one = lab("--cpu-time-limit", 1, "--processes", 1, "--verbose-debugging", "--log-level", "error")
    before = one.pid()
    one.get("/burn")
    one.told(f"process {before} .*reached cpu-time-limit")


@pytest.mark.effect(
    "header-timeout", "header-max-timeout", "header-min-rate", "body-timeout", "body-max-timeout", "body-min-rate"
)
def test_slow_clients(express):
    """Many bytes at once earn more time at a rate of one byte in a second, up to the longest."""
    words = ["--header-timeout", 1, "--header-max-timeout", 8, "--header-min-rate", 1]
    words += ["--body-timeout", 1, "--body-max-timeout", 8, "--body-min-rate", 1]
    express.start(express.apps / "limited.py", *words)
    head = b"GET /pid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Earned: " + b"x" * 100
    post = b"POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 101\r\n\r\n"
    with contextlib.ExitStack() as stack:
        earned, slow, silent = (
            [stack.enter_context(Connection(express.port, timeout=60)) for _ in range(2)] for _ in range(3)
        )
        for number, (begin, least) in enumerate(((head, b"G"), (post + b"x" * 100, post))):
            for connection, text in ((earned, begin), (slow, begin), (silent, least)):
                connection[number].send(text)
        assert silent[0].closed_by_server()
        assert silent[1].response().status == 408
        for one, rest in zip(earned, (b"\r\n\r\n", b"x")):  # later than those that said little were given up
            one.send(rest)
        assert [one.response().status for one in earned] == [200, 200]
        assert [one.response().status for one in slow] == [408, 408], "100 bytes would have earned 100 seconds"


@pytest.mark.effect("max-clients", "initial-workers", "minimum-spare-workers", "maximum-spare-workers")
def test_workers(make_express):
    """Four processes of 13 threads are at most needed for 40 clients."""
    servers = []
    for initial, least, most in ((1.0, 1.0, 1.0), (0.0, 0.9, 1.0), (1.0, 0.25, 0.5)):
        express = make_express()
        words = ["--application-type", "static", "--max-clients", 40, "--initial-workers", initial]
        words += ["--minimum-spare-workers", least, "--maximum-spare-workers", most]
        servers.append(express.start(express.apps, *words))
    every, grown, shrunk = servers
    until(lambda: len(every.children()) == 4, "all from the start", 30)
    until(lambda: len(grown.children()) == 4, "as many as shall be spare", 30)
    until(lambda: len(shrunk.children()) == 2, "no more than may be spare", 30)


@pytest.mark.effect("proxy-timeout")
def test_time_limit_of_another_server(express):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        backend = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        express.start(express.apps / "hello.wsgi", "--proxy-mount-point", "/other/", backend, "--proxy-timeout", 1)
        assert fetch(express.port, "/other/x", timeout=PATIENCE).status in (502, 504)


@pytest.mark.effect("enable-sendfile")
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("more", [[], ["--enable-sendfile"]], ids=["by default", "sendfile"])
def test_the_kernel_sends_files_only_when_asked(express, more):
    (express.apps / "large.bin").write_bytes(bytes(300000))
    words = ["--url-alias", "/large.bin", express.apps / "large.bin", "--processes", 1, *more]
    server = express.start(express.apps / "limited.py", *words)
    server.fetch("/pid")
    children = server.children()
    output, said = express.directory / "calls", express.directory / "said"
    command = ["strace", "-f", "-e", "trace=sendfile", "-o", output]
    command += [word for pid in children for word in ("-p", str(pid))]
    with said.open("wb") as stream, subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stream) as tracer:
        try:
            until(lambda: said.read_text().count("attached") >= len(children), "strace")
            assert len(server.fetch("/large.bin").body) == 300000
        finally:
            tracer.send_signal(signal.SIGINT)
    assert ("sendfile(" in output.read_text()) == bool(more)
