# SPDX-License-Identifier: Apache-2.0
"""Rows that the functional tests have in a smaller size, since they run for every change: here in the full one."""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from frame import Lab, Outcome, goal
from goals_clients import APPLICATION, peaks, upload
from harness.client import fetch
from harness.server import Httpd
from harness.waiting import until

GROUP = "WSGIDaemonProcess app {options}\nWSGIProcessGroup app\nWSGIApplicationGroup {group}\n"
KILLED = re.compile(r"signal (?:4|6|7|8|11)\b|SIGSEGV|SIGABRT|Fatal Python error")

# --- B21 ---

ENDS = 100  # for each of the two interpreters


def replaced(server: Httpd, pid: int) -> bool:
    response = server.get("/pid", timeout=20)
    return response.status == 200 and int(response.text) != pid


@goal("B21", "daemons that end with busy background threads", "no crash in 200")
def background_threads(lab: Lab) -> Outcome:
    ended = crashes = 0
    for group in ("%{GLOBAL}", "sub"):
        lines = GROUP.format(options="processes=1 threads=2 shutdown-timeout=1", group=group)
        with lab.httpd(f'{lines}WSGIScriptAlias / "{{apps}}/rude.py"\n') as server:
            for _ in range(ENDS):
                server.get("/background")
                pid = int(server.get("/pid").text)
                os.kill(pid, signal.SIGTERM)
                until(lambda server=server, pid=pid: replaced(server, pid), "a successor serves", 30.0)
                ended += 1
            server.stop()
            crashes += len(KILLED.findall(server.log()))
    return Outcome(f"{crashes} in {ended}", crashes == 0 and ended == 2 * ENDS)


# --- H2 ---

ROTATIONS = 100
PIPE = """
import os, signal, sys

path, log = sys.argv[1], None

def reopen(*_):
    global log
    log, old = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), log
    if old is not None:
        os.close(old)

reopen()
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # httpd's at a restart; the old processes still write
signal.signal(signal.SIGUSR1, reopen)
with open(sys.argv[2], "a") as pids:
    pids.write(f"{os.getpid()}\\n")
while data := os.read(0, 65536):
    while data:
        data = data[os.write(log, data) :]
"""


def tell_pipes(server: Httpd) -> None:
    """Those of the server that still run: a restart has a new one beside the old one, which drains."""
    mine = {process.pid for process in server.processes()}
    for pid in mine & set(map(int, (server.root / "pipes").read_text().split())):
        os.kill(pid, signal.SIGUSR1)


@goal("H2", "log lines and requests lost by rotating a piped log", f"0 in {ROTATIONS} rotations")
def rotations(lab: Lab) -> Outcome:
    """The file is renamed, the programs at the pipes are told, httpd restarts gracefully; all of it under load."""
    numbers, sent, failed, over, lock = itertools.count(), [], [], threading.Event(), threading.Lock()
    lines = GROUP.format(options="processes=2 threads=4", group="%{GLOBAL}")
    lines += 'WSGIScriptAlias / "{apps}/deaths.py"\nErrorLog "|/usr/bin/python3 {root}/pipe.py {root}/logs/error.log '
    with lab.httpd(lines + '{root}/pipes"\n', start=False) as server:
        (server.root / "pipe.py").write_text(PIPE)
        log = server.root / "logs" / "error.log"
        server.start()

        def client() -> None:
            while not over.is_set():
                with lock:
                    number = next(numbers)
                    sent.append(number)
                if fetch(server.port, f"/logs?n={number}").status != 200:
                    failed.append(number)

        def written() -> list[int]:
            text = "".join(path.read_text() for path in log.parent.glob("error.log*"))
            return sorted(int(number) for number in re.findall(r"line (\d+) of many", text))

        crew = [threading.Thread(target=client) for _ in range(3)]
        for thread in crew:
            thread.start()
        for turn in range(ROTATIONS):
            log.rename(log.with_name(f"error.log.{turn}"))
            tell_pipes(server)
            server.send_signal(signal.SIGUSR1)
            until(lambda: log.exists() and "resuming normal operations" in log.read_text(), "a new log", 30.0)
            until(lambda wanted=(turn + 1) * 15: len(sent) > wanted, "requests between two restarts", 30.0)
        over.set()
        for thread in crew:
            thread.join()
        end = time.monotonic() + 20
        while written() != sent and time.monotonic() < end:
            time.sleep(0.2)
        lost = len(set(sent) - set(written()))
        doubled = len(written()) - len(set(written()))
    value = f"{lost} lines, {doubled} doubled, {len(failed)} requests of {len(sent)}"
    return Outcome(value, not (lost or doubled or failed))


# --- D1 ---


@goal("D1", "growth of a process's peak memory by 100 uploads of 100 MiB at once", "<= 16 MiB")
def uploads(lab: Lab) -> Outcome:
    lines = GROUP.format(options="processes=2 threads=25", group="%{GLOBAL}")
    with lab.httpd(lines + 'LimitRequestBody 0\nWSGIScriptAlias / "{apps}/sized.py"\n', threads=128) as server:
        server.app("sized.py", APPLICATION)
        with ThreadPoolExecutor(100) as crew:
            warm = list(crew.map(lambda _: upload(server, 1), range(200)))
            before = peaks(server)
            right = [*warm, *crew.map(lambda _: upload(server, 100), range(100))]
            after = peaks(server)
        growth = max(after[pid] - before[pid] for pid in before if pid in after)
    return Outcome(f"{growth / 1024:.1f} MiB, {sum(right)} of {len(right)}", all(right) and growth <= 16 * 1024)
