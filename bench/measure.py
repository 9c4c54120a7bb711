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

from contenders import CHILD_THREADS, Apache, Contender, configure, server_user

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
    Workload("file, 256 KiB", "/file"),
    Workload("generator, 16 KiB", "/generator"),
)


@dataclass(frozen=True)
class Sample:
    requests: int
    seconds: float
    cpu: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        return self.cpu / self.requests * 1e6


def pinned(cpu: int) -> list[str]:
    """Servers on the first CPU, load on the last: neither takes the other's time."""
    available = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(available[cpu])] if len(available) > 1 else []


class Server:
    """One httpd in the foreground, and the peer behind it; started, measured and stopped by their process ids."""

    def __init__(self, contender: Contender, apache: Apache, root: Path) -> None:
        self.contender = contender
        self.root = root
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config, peer = configure(contender, apache, root, self.port)
        self.processes: list[subprocess.Popen[bytes]] = []
        try:
            if peer:
                self._start(peer, server_user())
            self._start([str(apache.program), "-DFOREGROUND", "-f", str(config)], None)
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _start(self, command: list[str], user: str | None) -> None:
        with open(self.root / "output.log", "ab") as output:
            process = subprocess.Popen(
                [*pinned(0), *command], cwd=self.root, stdin=subprocess.DEVNULL, stdout=output, stderr=output, user=user
            )
        self.processes.append(process)

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url("/hello"), timeout=5) as answer:
                if answer.read() == b"Hello World!":
                    return
            ended = any(process.poll() is not None for process in self.processes)
            if ended or time.monotonic() > deadline:
                logs = [path for path in (self.root / "error.log", self.root / "output.log") if path.exists()]
                tail = "".join(path.read_text()[-2000:] for path in logs)
                sys.exit(f"bench: {self.contender.name} does not answer on port {self.port}:\n{tail}".rstrip())
            time.sleep(0.1)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def cpu_seconds(self) -> float:
        """User and system time of the trees, with that of children which ended."""
        return sum(sum(fields[11:15]) for fields in self.tree().values()) / TICK

    def tree(self) -> dict[int, list[int]]:
        """All processes of the server, with the numbers of their /proc/PID/stat from the parent on."""
        found: dict[int, list[int]] = {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2]
                    found[int(entry)] = [0, *map(int, text.split()[1:22])]
        return {pid: fields for pid, fields in found.items() if self._ours(pid, found)}

    def is_child(self, pid: int) -> bool:
        """One of httpd's processes that take connections: nobody else has so many threads."""
        with contextlib.suppress(OSError):
            return len(os.listdir(f"/proc/{pid}/task")) >= CHILD_THREADS
        return False

    def _ours(self, pid: int, found: dict[int, list[int]]) -> bool:
        roots = {process.pid for process in self.processes}
        while pid > 1 and pid not in roots:
            pid = found[pid][1] if pid in found else 0
        return pid in roots


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
    latencies = [milliseconds(done.stdout, percent) for percent in (50, 99)]
    if not counted or None in latencies or re.search(r"Socket errors|Non-2xx", done.stdout):
        sys.exit(f"bench: {server.contender.name}, {workload.name}: requests failed\n{done.stdout}")
    elapsed = float(counted[2]) * {"s": 1, "ms": 1e-3, "m": 60}[counted[3]]
    return Sample(int(counted[1]), elapsed, cpu, *latencies)


def milliseconds(output: str, percent: int) -> float | None:
    found = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", output)
    return float(found[1]) * {"us": 1e-3, "ms": 1, "s": 1e3}[found[2]] if found else None
