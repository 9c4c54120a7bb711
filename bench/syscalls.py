# SPDX-License-Identifier: Apache-2.0
"""System calls for each request at concurrency 1, counted by strace, without the waits of idle threads."""

from __future__ import annotations

import http.client
import re
import subprocess
import tempfile
import time
from pathlib import Path

from measure import Server, Workload

REQUESTS = 200
WARM = 20
# Who sleeps and who wakes a sleeper is the scheduler's choice, and tracing changes it.
NOT_COUNTED = {"futex", "restart_syscall", "clock_nanosleep", "wait4", "pselect6", "times", "total"}
LINE = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", re.MULTILINE)


def _send(connection: http.client.HTTPConnection, workload: Workload, count: int) -> None:
    headers = {f"X-Bench-{n:02}": f"value {n:02} of a request header" for n in range(workload.headers)}
    body = b"x" * workload.body if workload.body else None
    for _ in range(count):
        connection.request("POST" if body else "GET", workload.path, body=body, headers=headers)
        connection.getresponse().read()


def _attach(pid: int, output: Path) -> subprocess.Popen[bytes]:
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-o", str(output), "-p", str(pid)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert tracer.stderr is not None
    while line := tracer.stderr.readline():
        if b"attached" in line:
            break
    return tracer


def count(server: Server, workload: Workload) -> dict[str, float]:
    """Calls for each request of httpd's children and of everybody behind them."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    _send(connection, workload, WARM)
    with tempfile.TemporaryDirectory(prefix="modwsgi-strace-") as made:
        traced = {pid: Path(made) / str(pid) for pid in server.tree()}
        tracers = [_attach(pid, output) for pid, output in traced.items()]
        time.sleep(0.2)  # the tracer has the process; now its threads
        _send(connection, workload, REQUESTS)
        for tracer in tracers:
            tracer.terminate()
        for tracer in tracers:
            tracer.communicate()
        connection.close()
        calls = {pid: _total(output) for pid, output in traced.items()}
    child = max((pid for pid in calls if server.is_child(pid)), key=lambda pid: calls[pid], default=0)
    rest = sum(number for pid, number in calls.items() if pid != child and number >= REQUESTS)
    return {"child": calls.get(child, 0) / REQUESTS, "behind": rest / REQUESTS}


def _total(output: Path) -> int:
    text = output.read_text() if output.exists() else ""
    return sum(int(number) for number, name in LINE.findall(text) if name not in NOT_COUNTED)
