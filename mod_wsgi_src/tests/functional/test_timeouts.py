# SPDX-License-Identifier: Apache-2.0
"""Time limits of daemon mode: who is told, with what, and who is not harmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Callable

import pytest
from harness.client import fetch
from harness.load import at_once
from harness.processes import sleeping_threads
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]


def daemon(httpd: Make, options: str, config: str = "") -> Httpd:
    return httpd(
        f"WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
        f"WSGIScriptAlias / {{apps}}/responses.py\n{config}"
    )


class Background:
    """A request in a thread of its own."""

    def __init__(self, server: Httpd, path: str) -> None:
        self.status = 0
        self.text = ""
        self._thread = threading.Thread(target=self._run, args=(server, path))
        self._thread.start()

    def _run(self, server: Httpd, path: str) -> None:
        response = fetch(server.port, path)
        self.status, self.text = response.status, response.text

    def result(self) -> int:
        self._thread.join()
        return self.status


def test_queue_timeout(httpd: Make) -> None:
    """The only thread is busy: who waits in vain is told so, and the busy one finishes."""
    server = daemon(httpd, "processes=1 threads=1 queue-timeout=1")
    server.get("/hello")
    slow = Background(server, "/sleeps?n=4")
    until(lambda: in_application(server), "the slow request runs")
    assert server.get("/hello").status == 504
    assert slow.result() == 200
    assert server.get("/hello").status == 200


def in_application(server: Httpd) -> bool:
    return sleeping_threads(server.daemon_pids()) > 0


HANGS = "request-timeout=1 interrupt-timeout=1 graceful-timeout=5 shutdown-timeout=1"


def hanging(httpd: Make, options: str) -> Httpd:
    return httpd(
        f"WSGIDaemonProcess d processes=1 threads=3 {options}\nWSGIProcessGroup d\n"
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/hangs.py\n"
    )


@pytest.mark.parametrize("where", ["python", "sleeping", "receiving", "in_c", "holding_the_gil"])
def test_B10_a_request_that_hangs(httpd: Make, where: str) -> None:
    """The client of the guilty request is told in time, and one line says so. Where Python can be interrupted that is
    all; else the process is replaced."""
    server = hanging(httpd, HANGS)
    before = server.get("/pid").text
    mark = len(server.log())
    begin = time.monotonic()
    assert server.get(f"/{where}").status == 504
    assert time.monotonic() - begin < 5.0  # request-timeout + 1 s, and slack for a slow machine
    told = server.wait_log(r"MWS3021: request (\S+): ", since=mark)
    server.wait_log(r"hangs\.py", since=mark)  # where it stood
    if where == "python":
        assert server.get("/pid").text == before
        until(lambda: not in_python(server), "its thread is free again")
    else:
        until(lambda: server.get("/pid", timeout=60).text != before, "the process was replaced", 60.0)
        until(lambda: int(before) not in server.daemon_pids(), "and is gone", 30.0)
    mine = [line for line in server.error_lines(mark) if told[1] in line]
    assert len(mine) == 1, mine


def in_python(server: Httpd) -> bool:
    """A thread of a daemon computes."""
    return any(p.state == "R" for p in server.daemons())


def test_B10_siblings_finish(httpd: Make) -> None:
    """A request that began later than the guilty one, and ends in time."""
    server = hanging(httpd, HANGS.replace("request-timeout=1", "request-timeout=2"))
    before = server.get("/pid").text
    guilty = Background(server, "/sleeping")
    until(lambda: in_application(server), "it runs")
    threading.Event().wait(1)
    sibling = Background(server, "/briefly")
    assert guilty.result() == 504
    assert (sibling.result(), sibling.text) == (200, before)
    until(lambda: server.get("/pid").text != before, "the process was replaced")


def test_B10_a_client_that_does_not_read(httpd: Make) -> None:
    """Its response blocks in the connection to Apache when its time is over: it is cut, and one line says why."""
    server = daemon(httpd, "processes=1 threads=2 request-timeout=1")
    before = server.get("/pid").text
    mark = len(server.log())
    with server.connect() as connection:
        connection.request("GET", "/endless?n=unread")
        told = server.wait_log(r"MWS3021: request (\S+): ", since=mark)
        assert not connection.response().complete
    until(lambda: server.get("/closes?n=unread").text == "1", "its close() was called")
    assert server.get("/pid").text == before
    assert len([line for line in server.error_lines(mark) if told[1] in line]) == 1


def test_B11_the_gil_is_never_given_back(httpd: Make) -> None:
    """The process ends with its true reason, its Python stacks are in the log, the next request is served."""
    server = hanging(httpd, "deadlock-timeout=1 shutdown-timeout=1")
    before = server.get("/pid").text
    mark = len(server.log())
    assert server.get("/holding_the_gil").status == 502
    server.wait_log("MWS3022: .*deadlock-timeout", since=mark)
    server.wait_log(r"hangs\.py\", line \d+ in holding_the_gil", since=mark)
    server.wait_log(r"request \S+: lost by .* was ended by deadlock-timeout", since=mark)
    assert server.get("/pid").text != before


def test_G5_a_starved_processor_is_no_dead_lock(httpd: Make) -> None:
    """All threads compute in Python and two programs beside them take what they can: the GIL is slow and not dead."""
    server = hanging(httpd, "deadlock-timeout=2 request-timeout=4 shutdown-timeout=1")
    before = server.get("/pid").text
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        computing = [Background(server, "/python") for _ in range(3)]
        assert [one.result() for one in computing] == [504] * 3
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert server.get("/pid").text == before
    assert "MWS3022" not in server.log()


def test_socket_timeout(httpd: Make) -> None:
    """The daemon stays silent for too long."""
    server = daemon(httpd, "processes=1 threads=2 socket-timeout=1")
    server.get("/hello")
    assert server.get("/sleeps?n=4").status == 504
    assert server.get("/hello").status == 200


def test_connect_timeout(httpd: Make) -> None:
    """The daemon is stopped and its backlog is full."""
    server = daemon(httpd, "processes=1 threads=1 listen-backlog=1 connect-timeout=1")
    pid = int(server.get("/pid").text)
    os.kill(pid, signal.SIGSTOP)
    try:
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.extend(at_once(server, ["/hello"] * 8)))
        thread.start()
        server.wait_log("connect|backlog", timeout=15.0)
        threading.Event().wait(2)
    finally:
        os.kill(pid, signal.SIGCONT)
    thread.join()
    assert set(statuses) <= {200, 503}
    assert statuses.count(503) >= 1
    assert statuses.count(200) >= 1
    assert server.get("/hello").status == 200


def test_shutdown_timeout(httpd: Make) -> None:
    """A request that does not end cannot keep the server from stopping."""
    server = daemon(httpd, "processes=1 threads=2 shutdown-timeout=1")
    pid = int(server.get("/pid").text)
    with server.connect() as connection:
        connection.request("GET", "/sleeps?n=60")
        until(lambda: in_application(server), "it runs")
        server.stop(settle=False)
    assert not server.processes()
    assert pid not in server.daemon_pids()


def test_shutdown_timeout_of_a_process_that_cannot_act(httpd: Make) -> None:
    """A stopped process hears no signal and has no watch of its own: the manager ends it."""
    server = daemon(httpd, "processes=1 threads=2 shutdown-timeout=1")
    pid = int(server.get("/pid").text)
    os.kill(pid, signal.SIGSTOP)
    server.graceful()
    server.wait_log(f"MWS3044: daemon process {pid} of group '.*' does not end: killed", timeout=30.0)
    until(lambda: pid not in server.daemon_pids(), "it is gone")
    assert server.get("/hello").status == 200


def test_inactivity_timeout(httpd: Make) -> None:
    server = daemon(httpd, "processes=1 threads=2 inactivity-timeout=1")
    before = int(server.get("/pid").text)
    until(lambda: before not in server.daemon_pids(), "the idle process was replaced")
    assert int(server.get("/pid").text) != before
