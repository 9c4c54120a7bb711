# SPDX-License-Identifier: Apache-2.0
"""One server, one load, and the CPU time that the server's whole process tree spent on it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from contenders import Apache, Contender, configure

CONNECTIONS = 32
TICK = os.sysconf("SC_CLK_TCK")
START_SECONDS = 20
STOP_SECONDS = 20


@dataclass(frozen=True)
class Workload:
    name: str
    path: str
    headers: int = 0
    body: int = 0

    def script(self) -> str:
        """What wrk sends, in its own language."""
        lines = [f'wrk.headers["X-Bench-{n:02}"] = "value {n:02} of a request header"' for n in range(self.headers)]
        if self.body:
            lines += ['wrk.method = "POST"', f'wrk.body = string.rep("x", {self.body})']
        return "\n".join(lines)


WORKLOADS = (
    Workload("hello", "/hello"),
    Workload("40 headers", "/headers", headers=40),
    Workload("POST 10 KB", "/echo", body=10240),
    Workload("1 MiB response", "/large"),
)


@dataclass(frozen=True)
class Sample:
    requests: int
    seconds: float
    cpu: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.requests * 1e6


def pinned(cpu: int) -> list[str]:
    """Servers on the first CPU, load on the last: neither takes the other's time."""
    available = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(available[cpu])] if len(available) > 1 else []


class Server:
    """One httpd in the foreground; started, measured and stopped by its process id."""

    def __init__(self, contender: Contender, apache: Apache, root: Path) -> None:
        self.contender = contender
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = configure(contender, apache, root, self.port)
        self.process = subprocess.Popen([*pinned(0), str(apache.program), "-DFOREGROUND", "-f", str(config)])
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url("/hello"), timeout=5) as answer:
                if answer.read() == b"Hello World!":
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.root / "error.log"
                tail = log.read_text()[-2000:] if log.exists() else ""
                sys.exit(f"bench: {self.contender.name} does not answer on port {self.port}:\n{tail}".rstrip())
            time.sleep(0.1)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self) -> float:
        """User and system time of the tree, with that of children which ended."""
        parents: dict[int, int] = {}
        spent: dict[int, int] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    fields = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
                    parents[int(entry)] = int(fields[1])
                    spent[int(entry)] = sum(map(int, fields[11:15]))
        return sum(ticks for pid, ticks in spent.items() if self._ours(pid, parents)) / TICK

    def _ours(self, pid: int, parents: dict[int, int]) -> bool:
        while pid > 1:
            if pid == self.process.pid:
                return True
            pid = parents.get(pid, 0)
        return False


def load(server: Server, workload: Workload, seconds: int, scratch: Path) -> Sample:
    """One round of wrk. A failed or refused request ends the bench: its cost would be counted as speed."""
    script = scratch / f"{workload.path.strip('/')}.lua"
    if not script.exists():
        script.write_text(workload.script())
    command = [*pinned(-1), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script)]
    before = server.cpu_seconds()
    done = subprocess.run([*command, server.url(workload.path)], capture_output=True, text=True, check=True)
    cpu = server.cpu_seconds() - before
    counted = re.search(r"(\d+) requests in ([\d.]+)(m?s|m)", done.stdout)
    slowest = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    if not counted or not slowest or re.search(r"Socket errors|Non-2xx", done.stdout):
        sys.exit(f"bench: {server.contender.name}, {workload.name}: requests failed\n{done.stdout}")
    elapsed = float(counted[2]) * {"s": 1, "ms": 1e-3, "m": 60}[counted[3]]
    return Sample(int(counted[1]), elapsed, cpu, float(slowest[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[slowest[2]])
