# SPDX-License-Identifier: Apache-2.0
"""Time limits of daemon mode: who is told, with what, and who is not harmed."""

from __future__ import annotations

import os
import signal
import threading
from typing import Callable

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


def test_request_timeout(httpd: Make) -> None:
    """The guilty request is told and its process replaced; a sibling in the same process finishes."""
    server = daemon(httpd, "processes=1 threads=3 request-timeout=2 graceful-timeout=10 shutdown-timeout=1")
    before = int(server.get("/pid").text)
    mark = len(server.log())
    guilty = Background(server, "/sleeps?n=60")
    until(lambda: in_application(server), "it runs")
    threading.Event().wait(1)
    sibling = Background(server, "/sleeps?n=1.5")
    assert guilty.result() == 504
    server.wait_log("request-timeout", since=mark)
    server.wait_log(r"responses\.py", since=mark)  # where it stood
    assert sibling.result() == 200
    assert sibling.text == str(before)
    until(lambda: int(server.get("/pid").text) != before, "the process was replaced")
    until(lambda: before not in server.daemon_pids(), "and is gone", 30.0)


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


def test_inactivity_timeout(httpd: Make) -> None:
    server = daemon(httpd, "processes=1 threads=2 inactivity-timeout=1")
    before = int(server.get("/pid").text)
    until(lambda: before not in server.daemon_pids(), "the idle process was replaced")
    assert int(server.get("/pid").text) != before
