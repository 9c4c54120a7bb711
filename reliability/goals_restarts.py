# SPDX-License-Identifier: Apache-2.0
"""Restarts and replacements: nothing is lost by any of them."""

from __future__ import annotations

import threading
import time

from frame import Lab, Outcome, goal
from harness.client import fetch
from harness.waiting import until
from traffic import Tally, traffic

REQUESTS = 100_000
LONGEST = 120.0  # seconds of one kind of load


def lost(tally: Tally) -> Outcome:
    detail = ", ".join(f"{count} x {what}" for what, count in tally.failures.most_common(5))
    return Outcome(f"{tally.failed} of {tally.answered}", tally.failed == 0, detail)


@goal("R1", "requests lost in 5 graceful restarts under load", f"0 of >= {REQUESTS}", reference="50 of 68 k (11)")
def graceful_restarts(lab: Lab) -> Outcome:
    restarts = 0
    with lab.daemons("processes=2 threads=8", children=2) as server, traffic(server.port, "/hello") as tally:
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and (restarts < 5 or tally.so_far() < REQUESTS):
            time.sleep(2)
            if restarts < 5:
                server.graceful()
                restarts += 1
    outcome = lost(tally)
    outcome.ok = outcome.ok and restarts == 5 and tally.answered >= REQUESTS
    return outcome


@goal("R2", "8 s requests that outlive a graceful restart", "all of 20", reference="4 of 20")
def long_requests(lab: Lab) -> Outcome:
    statuses: list[int] = []
    with lab.daemons("processes=2 threads=10 graceful-timeout=15", children=2) as server:
        server.get("/hello")
        crew = [
            threading.Thread(target=lambda: statuses.append(fetch(server.port, "/sleeps?n=8").status))
            for _ in range(20)
        ]
        for thread in crew:
            thread.start()
        time.sleep(1)
        server.graceful()
        for thread in crew:
            thread.join()
    whole = statuses.count(200)
    return Outcome(f"{whole} of 20", whole == 20)


@goal("R14", "stop of an idle server with daemons", "<= 0.5 s beyond httpd's own", reference="5 s wait reported")
def idle_stop(lab: Lab) -> Outcome:
    """httpd itself takes a second to stop; what a server without daemons takes is subtracted."""
    times = []
    for config in ("", "WSGIDaemonProcess app processes=2\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n"):
        with lab.httpd(f'{config}WSGIScriptAlias / "{{apps}}/responses.py"\n') as server:
            server.get("/hello")
            server.settle()
            begin = time.monotonic()
            server.stop(settle=False)
            times.append(time.monotonic() - begin)
    extra = times[1] - times[0]
    return Outcome(f"{extra:.2f} s", extra <= 0.5)


@goal("R14", "first answer of a group that is replaced", "<= load time + 0.5 s")
def first_answer(lab: Lab) -> Outcome:
    """The application needs a second to load; its script changes, so the next request must meet the new one."""
    slow = (
        "import time\ntime.sleep(1)\nVERSION = {version!r}\n\n\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Length', str(len(VERSION)))])\n    return [VERSION]\n"
    )
    lines = "WSGIDaemonProcess app\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n"
    with lab.httpd(f'{lines}WSGIScriptAlias / "{{apps}}/slow.py"\n') as server:
        server.app("slow.py", slow.format(version=b"one"))
        until(lambda: server.get("/").body == b"one", "the first version serves")
        server.app("slow.py", slow.format(version=b"two"))
        begin = time.monotonic()
        body = server.get("/").body
        seconds = time.monotonic() - begin
    return Outcome(f"{seconds:.2f} s", body == b"two" and seconds <= 1.5)
