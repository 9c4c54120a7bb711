# SPDX-License-Identifier: Apache-2.0
"""Processes and scripts are replaced under load, and no request is lost by it."""

from __future__ import annotations

import os
import signal
import threading
from typing import Callable

import pytest
from harness.load import Load
from harness.server import Httpd, wait_for_clients
from harness.waiting import until

Make = Callable[..., Httpd]

VERSIONED = """
VERSION = b"{version}"

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", str(len(VERSION)))])
    return [VERSION]
"""


def pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def test_H4_maximum_requests(httpd: Make) -> None:
    server = httpd(
        "WSGIDaemonProcess d processes=2 threads=4 maximum-requests=40\nWSGIProcessGroup d\n"
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/responses.py\n"
    )
    with Load(server, "/pid") as load:
        until(lambda: len(load.bodies) >= 6 or load.failed, "six processes have served", 60.0)
    assert load.failed == []
    # Jitter and the time a successor needs allow for more than the limit, but not for much more.
    finished = [count for pid, count in load.bodies.items() if int(pid) not in server.daemon_pids()]
    assert finished
    assert min(finished) >= 30 or sum(finished) / len(finished) >= 36
    until(lambda: len(server.daemon_pids()) == 2, "two daemons are left")


def test_a_new_script_serves_the_next_request(serve: Make) -> None:
    server = serve("versioned.py", start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    for version in range(2, 6):
        server.app("versioned.py", VERSIONED.format(version=version))
        assert server.get("/").body == str(version).encode()


PRELOADED = (
    "WSGIDaemonProcess d processes=1 threads=3\n"
    "WSGIScriptAlias / {apps}/versioned.py process-group=d application-group=g\n"
)


def test_H8_a_changed_script_that_does_not_load(httpd: Make) -> None:
    """One that is loaded at start: no request meets it, each change is tried once, and the first that loads serves."""
    server = httpd(PRELOADED, start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    (old,) = server.daemon_pids()
    for broken in ("first", "second", "third", "fourth"):
        mark = len(server.log())
        server.app("versioned.py", f"import {broken}_of_no_name\n")
        for _ in range(3):
            assert server.get("/").body == b"1"
        assert f"No module named '{broken}_of_no_name'" in server.log()[mark:]
        assert old in server.daemon_pids()
    server.app("versioned.py", VERSIONED.format(version=2))
    assert server.get("/").body == b"2"
    assert "MWS4" not in server.log()


def test_H8_a_changed_script_that_fails_for_a_while(httpd: Make) -> None:
    """What it needs comes later, and its file does not change again."""
    server = httpd(PRELOADED, start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    needs = f"import sys\nsys.path.insert(0, {str(server.apps)!r})\nimport comes_later_of_all\n"
    server.app("versioned.py", needs + VERSIONED.format(version=2))
    assert server.get("/").body == b"1"
    server.app("comes_later_of_all.py", "")
    until(lambda: server.get("/").body == b"2", "the successor that is tried again")


def test_a_changed_script_that_is_loaded_by_requests(serve: Make) -> None:
    server = serve("versioned.py", start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    server.app("versioned.py", "import nothing_of_this_name\n")
    assert server.get("/").status == 500
    server.app("versioned.py", VERSIONED.format(version=2))
    assert server.get("/").body == b"2"


def test_H4_touched_under_load(serve: Make) -> None:
    server = serve("versioned.py", daemon="processes=2 threads=4", start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    with Load(server, "/") as load:
        for version in range(2, 7):
            server.app("versioned.py", VERSIONED.format(version=version))
            wanted = str(version).encode()
            until(lambda wanted=wanted: load.bodies[wanted] > 20 or load.failed, f"version {version} serves")
    assert load.failed == []


def test_embedded_reload_keeps_the_process(httpd: Make) -> None:
    server = httpd("WSGIScriptAlias / {apps}/versioned.py\nWSGIApplicationGroup %{GLOBAL}\n", start=False)
    text = "import os\n" + VERSIONED.replace('b"{version}"', "str(os.getpid()).encode()") + "# {version}\n"
    server.app("versioned.py", text.format(version=1))
    server.start()
    before = server.get("/").body
    server.app("versioned.py", text.format(version=2))
    assert server.get("/").body == before


def test_script_reloading_off(serve: Make) -> None:
    server = serve("versioned.py", "WSGIScriptReloading Off\n", start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    server.app("versioned.py", VERSIONED.format(version=2))
    assert server.get("/").body == b"1"


def test_an_older_time_reloads_too(serve: Make) -> None:
    """A script put back from a backup has an older time."""
    server = serve("versioned.py", start=False)
    server.app("versioned.py", VERSIONED.format(version=1))
    server.start()
    assert server.get("/").body == b"1"
    path = server.app("versioned.py", VERSIONED.format(version=2))
    os.utime(path, (1000000000, 1000000000))
    assert server.get("/").body == b"2"


def test_H4_told_by_signal_under_load(httpd: Make) -> None:
    """SIGUSR1 by hand: serves what it has, and its successor the rest."""
    server = httpd(
        "WSGIDaemonProcess d processes=2 threads=4\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias / {apps}/responses.py\n"
    )
    with Load(server, "/pid") as load:
        for _ in range(4):
            pause(0.3)
            pid = min(server.daemon_pids())
            os.kill(pid, signal.SIGUSR1)
            until(lambda pid=pid: pid not in server.daemon_pids(), "it went")
    assert load.failed == []
    assert len(load.bodies) >= 4


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_H1_graceful_restarts_under_load(serve: Make, mode: str, mpm: str) -> None:
    server = serve("responses.py", daemon="processes=2 threads=4", mpm=mpm, children=1 if mpm != "prefork" else 8)
    with Load(server, "/pid") as load:
        for _ in range(4):
            pause(0.5)
            server.graceful()
        before = load.answered
        until(lambda: load.answered > before + 50 or load.failed, "it still serves")
    assert load.failed == []
    if mode == "daemon":
        until(lambda: len(server.managers()) == 1, "the old generations have gone")


def test_H1_a_slow_request_outlives_a_graceful_restart(serve: Make) -> None:
    server = serve("responses.py", children=2)
    server.get("/hello")
    with server.connect() as connection:
        connection.request("GET", "/sleeps?n=3", [("Connection", "close")])
        pause(0.3)
        server.graceful()
        assert server.get("/hello").status == 200
        assert connection.response().status == 200


def test_H7_groups_come_and_go(httpd: Make) -> None:
    """The first group ever, then another size, then none."""
    server = httpd("WSGIScriptAlias / {apps}/groups.py\n")
    plain = server.conf.read_text()
    assert server.daemon_pids() == set()

    server.conf.write_text(plain + "WSGIDaemonProcess d processes=1\nWSGIProcessGroup d\n")
    server.graceful()
    until(lambda: '"process_group": "d"' in server.get("/").text, "the new group serves")
    until(lambda: len(server.daemon_pids()) == 1, "one daemon")

    server.conf.write_text(plain + "WSGIDaemonProcess d processes=3\nWSGIProcessGroup d\n")
    server.graceful()
    until(lambda: len(server.daemon_pids()) == 3, "three daemons")

    server.conf.write_text(plain)
    server.graceful()
    until(lambda: '"process_group": ""' in server.get("/").text, "embedded again")
    until(lambda: not server.daemon_pids(), "no daemons")


def test_H3_a_hard_restart(serve: Make) -> None:
    server = serve("responses.py", daemon="threads=2 shutdown-timeout=2")
    before = server.get("/pid").text
    mark = len(server.log())
    wait_for_clients(server.port)
    server.send_signal(signal.SIGHUP)
    server.wait_log("resuming normal operations", since=mark)
    assert until(lambda: server.get("/pid").text != before, "others serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGWINCH])
def test_H3_stopping_with_requests_in_flight(serve: Make, number: signal.Signals) -> None:
    """SIGWINCH lets them end, SIGTERM does not wait; both leave nothing. (stop() looks.)"""
    server = serve("responses.py", daemon="threads=4 shutdown-timeout=1")
    server.get("/hello")
    connections = [server.connect() for _ in range(3)]
    for connection in connections:
        connection.request("GET", "/sleeps?n=2", [("Connection", "close")])
    pause(0.3)
    server.stop(number, settle=False)
    if number == signal.SIGWINCH:
        assert [connection.response().status for connection in connections] == [200] * 3
    for connection in connections:
        connection.close()


COUNTED = """
import builtins
builtins.loads = getattr(builtins, "loads", 0) + 1

def application(environ, start_response):
    start_response("200 OK", [])
    return [str(builtins.loads).encode()]
"""


def test_a_script_without_a_time_is_loaded_once(serve: Make) -> None:
    """Builds that can be repeated set the times of all files to 0."""
    server = serve("counted.py", start=False)
    os.utime(server.app("counted.py", COUNTED), (0, 0))
    server.start()
    assert [server.get("/").text for _ in range(3)] == ["1"] * 3
