# SPDX-License-Identifier: Apache-2.0
"""Daemons that die: what is lost, and whether the log tells why."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Callable

from frame import Lab, Outcome, goal
from harness.client import ClosedError, fetch
from harness.load import at_once
from harness.server import Httpd
from harness.waiting import until

GROUP = (
    "WSGIDaemonProcess app {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\n"
    'WSGIScriptAlias / "{{apps}}/{script}"\n'
)


@goal("R4", "requests lost by each of 10 kill -9, 2 x 4 threads", "<= 4, none queued, < 1 s", "4.4 a kill")
def one_kill(lab: Lab) -> Outcome:
    """The application notes each entry in a file, so what had not been entered must not be lost."""
    worst = repeated = 0
    slowest = 0.0
    with lab.httpd(GROUP.format(options="processes=2 threads=4", script="deaths.py")) as server:
        server.get("/pid")
        for turn in range(10):
            log = server.data / f"entered-{turn}"
            ends: list[tuple[int, float]] = []
            crew = [threading.Thread(target=enter, args=(server, log, ends)) for _ in range(16)]
            for thread in crew:
                thread.start()
            until(lambda log=log: log.exists() and log.stat().st_size >= 8, "all threads are busy")
            os.kill(min(server.daemon_pids()), signal.SIGKILL)
            begin = time.monotonic()
            for thread in crew:
                thread.join()
            slowest = max(slowest, min(end for status, end in ends if status == 200 and end > begin) - begin)
            worst = max(worst, sum(status != 200 for status, _ in ends))
            repeated += max(0, log.stat().st_size - 16)
            until(lambda: len(server.daemon_pids()) == 2, "a successor")
    value = f"<= {worst}, {repeated} run twice, next answer {slowest:.1f} s"
    return Outcome(value, worst <= 4 and repeated == 0 and slowest < 1)


def enter(server: Httpd, log: Path, ends: list[tuple[int, float]]) -> None:
    try:
        status = fetch(server.port, f"/lingers?log={log}").status
    except (OSError, ClosedError):
        status = 0
    ends.append((status, time.monotonic()))


# --- causes ---

Trigger = Callable[[Httpd], object]


def get(path: str) -> Trigger:
    return lambda server: server.get(path)


def queued(server: Httpd) -> None:
    at_once(server, ["/sleeps?n=2.5", "/sleeps?n=2.5"])


def full_backlog(server: Httpd) -> None:
    (pid,) = server.daemon_pids()
    os.kill(pid, signal.SIGSTOP)
    threading.Timer(3, os.kill, (pid, signal.SIGCONT)).start()
    at_once(server, ["/pid"] * 8)


def told_to_go(server: Httpd) -> None:
    (pid,) = server.daemon_pids()
    threading.Timer(0.4, os.kill, (pid, signal.SIGUSR1)).start()
    server.get("/sleeps?n=20")


def failed_start(server: Httpd) -> None:
    until(lambda: "MWS3043" in server.log(), "it is known to fail")
    server.get("/pid")


IMPORT = 'WSGIImportScript "{apps}/deadly.py" process-group=app application-group=%{GLOBAL}\n'
LOST = r"MWS\d+: request (\S+): lost by .*"
CAUSES: list[tuple[str, str, str, Trigger, str]] = [
    ("kill -9", "", "responses.py", get("/kills_itself"), LOST + "was killed by signal 9"),
    ("kill -9 in the response", "", "responses.py", get("/kills_itself_midway"), LOST + "during.* signal 9"),
    ("segmentation fault", "", "hangs.py", get("/segv"), LOST + "was killed by signal 11"),
    ("os._exit(203)", "", "deaths.py", get("/exits?n=203"), LOST + "exited with code 203"),
    ("exception", "", "responses.py", get("/raises"), r"MWS\d+: request (\S+): .*raised an exception"),
    ("wrong header", "", "responses.py", get("/short"), r"MWS\d+: request (\S+): .*(?:exception|Content-Length)"),
    ("request-timeout", "request-timeout=1", "hangs.py", get("/python"), r"request (\S+): .* request-timeout=1"),
    (
        "dead-lock",
        "deadlock-timeout=1 shutdown-timeout=1",
        "hangs.py",
        get("/holding_the_gil"),
        LOST + "deadlock-timeout",
    ),
    ("queue-timeout", "threads=1 queue-timeout=1", "responses.py", queued, r"request (\S+): .*queue-timeout"),
    ("socket-timeout", "socket-timeout=1", "responses.py", get("/sleeps?n=2.5"), r"request (\S+): .*socket-timeout"),
    (
        *("full backlog", "threads=1 listen-backlog=1 connect-timeout=1", "deaths.py", full_backlog),
        r"request (\S+): .*listen-backlog stayed full",
    ),
    ("dies at its start", "import", "deaths.py", failed_start, r"request (\S+): .*its processes fail to start"),
    (
        "graceful-timeout",
        "graceful-timeout=1 shutdown-timeout=1",
        "deaths.py",
        told_to_go,
        LOST + "graceful-timeout and .* are over",
    ),
]


@goal("R5", "injected causes whose true reason stands in one error line with the request's id", f"{len(CAUSES)}", "0")
def causes(lab: Lab) -> Outcome:
    missed = []
    for name, options, script, trigger, pattern in CAUSES:
        config = GROUP.format(options=options.replace("import", ""), script=script)
        server = Httpd(lab.module)
        try:
            server.configure(config + (IMPORT if options == "import" else ""))
            server.app("deadly.py", "import os\nos._exit(1)\n")
            server.start()
            if options != "import":
                server.get("/pid")
            mark = len(server.log())
            trigger(server)
            try:
                found = server.wait_log(pattern, since=mark, timeout=5)
                lines = [line for line in server.error_lines(mark) if found[1] in line]
            except AssertionError:
                found, lines = None, server.error_lines(mark)
            if not found or found[1] == "-" or len(lines) != 1:
                missed.append(f"{name}: {[re.sub(r'^.*MWS', 'MWS', line) for line in lines]}")
        finally:
            server.dispose()
    return Outcome(f"{len(CAUSES) - len(missed)}", not missed, "; ".join(missed))


# --- a storm ---


@goal("R29", "a group that cannot start, for 60 s: starts, CPU, lines", "<= 1 start/s, < 10 % of a core, <= 2 lines/s")
def storm(lab: Lab) -> Outcome:
    seconds = 60
    config = GROUP.format(options="processes=1", script="deaths.py") + IMPORT
    server = Httpd(lab.module)
    try:
        server.configure(config)
        starts = server.data / "starts"
        server.app("deadly.py", f"import os\nopen({str(starts)!r}, 'a').write('x')\nos._exit(1)\n")
        server.start()
        (manager,) = server.managers()
        before, lines, begun = (
            cpu(manager.pid),
            server.log().count("\n"),
            starts.stat().st_size if starts.exists() else 0,
        )
        time.sleep(seconds)
        share = (cpu(manager.pid) - before) / seconds
        lines = (server.log().count("\n") - lines) / seconds
        rate = (starts.stat().st_size - begun) / seconds
    finally:
        server.dispose()
    return Outcome(f"{rate:.1f}/s, {share:.0%}, {lines:.1f}/s", rate <= 1 and share < 0.1 and lines <= 2)


def cpu(pid: int) -> float:
    """Seconds that a process and its children that ended have used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")
