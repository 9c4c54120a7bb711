# SPDX-License-Identifier: Apache-2.0
"""Restarts and replacements: nothing is lost by any of them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from typing import Callable

from frame import Lab, Outcome, goal
from harness.client import fetch
from harness.server import Httpd, wait_for_clients
from harness.waiting import until
from traffic import Tally, traffic

REQUESTS = 100_000
LONGEST = 180.0  # seconds of one kind of load, on a machine that is busy otherwise


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


VERSION = "import os\n\n\ndef application(environ, start_response):\n    body = b'{number}'\n"
VERSION += "    start_response('200 OK', [('Content-Length', str(len(body)))])\n    return [body]\n"
REPLACEMENTS = 50_000  # requests for each kind


def replace_while(lab: Lab, options: str, path: str, config: str, act: Callable[[Httpd, int], None]) -> Outcome:
    seen: set[int] = set()
    lines = f"WSGIDaemonProcess app processes=2 threads=8 {options}\nWSGIProcessGroup app\n{config}"
    with lab.httpd(f"{lines}WSGIApplicationGroup %{{GLOBAL}}\n", start=False) as server:
        server.app("version.py", VERSION.format(number=0))
        server.start()
        end, turn = time.monotonic() + LONGEST, 0
        with traffic(server.port, path) as tally:
            while time.monotonic() < end and tally.so_far() < REPLACEMENTS:
                time.sleep(0.5)
                seen.update(server.daemon_pids())
                turn += 1
                act(server, turn)
        seen.update(server.daemon_pids())
    outcome = lost(tally)
    outcome.value += f", {len(seen)} processes"
    outcome.ok = outcome.ok and len(seen) >= 4 and tally.answered >= REPLACEMENTS
    return outcome


def nothing(server: Httpd, turn: int) -> None:
    pass


def signalled(server: Httpd, turn: int) -> None:
    """The verb for a rolling reload."""
    for pid in server.daemon_pids():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)


def touched(server: Httpd, turn: int) -> None:
    server.app("version.py", VERSION.format(number=turn))


RESPONSES = 'WSGIScriptAlias / "{apps}/responses.py"\n'
DEATHS = 'WSGIScriptAlias / "{apps}/deaths.py"\n'
SCRIPT = 'WSGIScriptAlias / "{apps}/version.py"\n'
PRELOADED = f'{SCRIPT}WSGIImportScript "{{apps}}/version.py" process-group=app application-group=%{{GLOBAL}}\n'
KINDS: list[tuple[str, str, str, str, Callable[[Httpd, int], None]]] = [
    ("maximum-requests", "maximum-requests=1500", "/hello", RESPONSES, nothing),
    ("restart-interval", "restart-interval=1", "/hello", RESPONSES, nothing),
    ("memory-soft-limit", "memory-soft-limit=80000000", "/leaks_a_little", DEATHS, nothing),
    ("SIGUSR1", "", "/hello", RESPONSES, signalled),
    ("touched script", "", "/", SCRIPT, touched),
    ("rolling reload, preloaded script", "", "/", PRELOADED + "WSGIScriptReloading Off\n", signalled),
]


def each_kind(kind: str, options: str, path: str, config: str, act: Callable[[Httpd, int], None]) -> None:
    @goal("R3", f"requests lost by replacement: {kind}", f"0 of >= {REPLACEMENTS}", reference="0")
    def replaced(lab: Lab) -> Outcome:
        return replace_while(lab, options, path, config, act)


for row in KINDS:
    each_kind(*row)


@goal("R30", "200 cycles of start, random signals, stop: crashes, orphans, files", "0")
def cycles(lab: Lab) -> Outcome:
    dice = random.Random()
    trouble = []
    server = Httpd(lab.module)
    lines = "WSGIDaemonProcess app processes=2 threads=2 shutdown-timeout=1\nWSGIProcessGroup app\n"
    server.configure(f"{lines}WSGIApplicationGroup %{{GLOBAL}}\n{RESPONSES}")
    try:
        for turn in range(200):
            server.start()
            for _ in range(dice.randrange(4)):
                time.sleep(dice.random() / 8)
                pids = sorted(server.daemon_pids() | {manager.pid for manager in server.managers()})
                victim = dice.choice([*pids, 0])
                if not victim:
                    server.graceful()  # and waits for it: httpd forgets a signal that comes while it restarts
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, dice.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1]))
            time.sleep(dice.random() / 4)
            try:
                server.stop(dice.choice([signal.SIGTERM, signal.SIGWINCH]))
            except AssertionError as error:
                trouble.append(f"cycle {turn}: {str(error)[:300]}")
    finally:
        server.dispose()
    return Outcome(str(len(trouble)), not trouble, "; ".join(trouble))


@goal("R14", "stop of an idle server with daemons", "<= 0.5 s beyond httpd's own", reference="5 s wait reported")
def idle_stop(lab: Lab) -> Outcome:
    """httpd itself takes a second to stop; what a server without daemons takes is subtracted."""
    times = []
    for config in ("", "WSGIDaemonProcess app processes=2\nWSGIProcessGroup app\nWSGIApplicationGroup %{GLOBAL}\n"):
        with lab.httpd(f'{config}WSGIScriptAlias / "{{apps}}/responses.py"\n') as server:
            server.get("/hello")
            wait_for_clients(server.port)
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
