# SPDX-License-Identifier: Apache-2.0
"""Time limits: when the client hears of it, and what happens to the others."""

from __future__ import annotations

import threading
import time

from frame import Lab, Outcome, goal
from harness.client import fetch
from harness.processes import sleeping_threads
from harness.waiting import until

HANGS = (
    "WSGIDaemonProcess app processes=1 {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\n"
    'WSGIScriptAlias / "{{apps}}/hangs.py"\n'
)


def measure(lab: Lab, where: str, threads: int) -> tuple[bool, float, int]:
    """(504 in time, seconds, siblings lost)."""
    lost = 0
    options = f"threads={threads} request-timeout=3"
    with lab.httpd(HANGS.format(options=options)) as server:
        server.get("/pid")
        begin = time.monotonic()
        guilty: list[tuple[int, float]] = []

        def run() -> None:
            guilty.append((fetch(server.port, f"/{where}").status, time.monotonic() - begin))

        thread = threading.Thread(target=run)
        thread.start()
        if where != "python":
            until(lambda: sleeping_threads(server.daemon_pids()), "it runs")
        time.sleep(2)
        siblings: list[int] = []
        crew = [
            threading.Thread(target=lambda: siblings.append(fetch(server.port, "/briefly").status))
            for _ in range(threads - 1)
        ]
        for sibling in crew:
            sibling.start()
        for one in [thread, *crew]:
            one.join()
        lost = sum(status != 200 for status in siblings)
    status, seconds = guilty[0]
    return status == 504 and seconds <= 4, seconds, lost


@goal(
    "R12",
    "client's answer at request-timeout=3, 2 and 20 threads",
    "504 within 4 s, others lost: 0",
    "19.9 s at 5, 502",
)
def request_timeout(lab: Lab) -> Outcome:
    results = [measure(lab, where, threads) for where in ("python", "sleeping") for threads in (2, 20)]
    slowest = max(seconds for _, seconds, _ in results)
    lost = sum(lost for _, _, lost in results)
    return Outcome(f"{slowest:.1f} s, {lost} lost", all(ok for ok, _, _ in results) and lost == 0)


@goal("R13", "process replaced at a GIL that nobody gets, 2 + 1 s", "<= 4 s, reason logged", "met, no reason")
def dead_lock(lab: Lab) -> Outcome:
    with lab.httpd(HANGS.format(options="threads=2 deadlock-timeout=2 shutdown-timeout=1")) as server:
        before = server.get("/pid").text
        begin = time.monotonic()
        status = server.get("/holding_the_gil").status
        until(lambda: server.get("/pid").text != before, "another process")
        seconds = time.monotonic() - begin
        told = "deadlock-timeout" in server.log()
    return Outcome(f"{seconds:.1f} s", status == 502 and seconds <= 4 and told)
