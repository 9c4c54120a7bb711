# SPDX-License-Identifier: Apache-2.0
"""Time limits of a group that are about its processes and their clients, and the sizes of its sockets."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Callable

from harness.client import fetch
from harness.processes import sleeping_threads
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]


def daemon(httpd: Make, options: str, app: str = "responses.py", config: str = "", **more: object) -> Httpd:
    return httpd(
        f"WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
        f"WSGIScriptAlias / {{apps}}/{app}\n{config}",
        **more,
    )


# --- startup-timeout ---

SLOW = """
import time
while {slow}:
    time.sleep(0.05)

def application(environ, start_response):
    start_response("200 OK", [])
    return [b"loaded"]
"""


def test_startup_timeout_of_a_script_that_a_request_wants(httpd: Make) -> None:
    """A load that hangs ends the process, and whoever waits is told; the next process loads what is there then."""
    server = daemon(httpd, "threads=2 startup-timeout=1", "slow.py", start=False)
    server.app("slow.py", SLOW.format(slow=True))
    server.start()
    assert server.get("/").status in (502, 503)
    server.wait_log("had loaded no script within startup-timeout=1 s")
    server.app("slow.py", SLOW.format(slow=False))
    until(lambda: server.get("/").text == "loaded", "the mended script is loaded")


def test_startup_timeout_of_a_script_that_is_loaded_at_the_start(httpd: Make) -> None:
    server = daemon(
        httpd,
        "threads=1 startup-timeout=1",
        config="WSGIImportScript {apps}/slow.py process-group=d application-group=%{GLOBAL}\n",
        start=False,
    )
    server.app("slow.py", SLOW.format(slow=True))
    server.start()
    server.wait_log("had loaded no script within startup-timeout=1 s")
    server.app("slow.py", SLOW.format(slow=False))
    until(lambda: server.get("/hello").status == 200, "the mended script is loaded", 30.0)


# --- inactivity-timeout ---


def test_ignore_activity(httpd: Make) -> None:
    """WSGIIgnoreActivity: requests that come all the time do not keep the process."""
    server = daemon(
        httpd,
        "threads=2 inactivity-timeout=2",
        config="<Location /pid>\nWSGIIgnoreActivity On\n</Location>\n"
        "<Location /hello>\nWSGIIgnoreActivity Off\n</Location>\n",
    )
    assert server.get("/hello").status == 200
    before = server.get("/pid").text
    until(lambda: server.get("/pid").text != before, "it was replaced although it was asked all the time")
    server.wait_log("was idle for 2 s")


# --- eviction-timeout ---


def test_eviction_timeout(httpd: Make) -> None:
    """After SIGUSR1 it counts in the place of graceful-timeout."""
    server = daemon(httpd, "threads=2 eviction-timeout=1 graceful-timeout=60 shutdown-timeout=1")
    before = int(server.get("/pid").text)
    answers: list[int] = []
    request = threading.Thread(target=lambda: answers.append(fetch(server.port, "/sleeps?n=60").status))
    request.start()
    until(lambda: sleeping_threads(server.daemon_pids()), "it runs")
    os.kill(before, signal.SIGUSR1)
    request.join(30)
    assert answers == [502]
    until(lambda: before not in server.daemon_pids(), "the old process is gone")
    assert server.get("/hello").status == 200


# --- response-socket-timeout ---

ENDLESS = """
import os

def application(environ, start_response):
    def blocks():
        try:
            for number in range(4000):
                yield bytes(65536)
        finally:
            with open({notes!r}, "w") as file:
                file.write(str(number))
    start_response("200 OK", [])
    return blocks()
"""


def test_response_socket_timeout(httpd: Make) -> None:
    """A client that takes nothing is given up after that time, long before Apache's Timeout of 20 s."""
    server = daemon(httpd, "threads=1 response-socket-timeout=1", "endless.py", start=False)
    notes = server.data / "notes"
    server.app("endless.py", ENDLESS.format(notes=str(notes)))
    server.start()
    with server.connect() as connection:
        connection.request("GET", "/")
        connection.socket.recv(10)
        until(notes.exists, "the application's iterator was closed", 12.0)
    assert int(notes.read_text()) < 3999


# --- sizes ---

SIZES = """
import json, os, socket, stat

def sizes():
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with copy:
            if copy.family == socket.AF_UNIX and copy.getsockname() and copy.type == socket.SOCK_STREAM:
                if not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield [copy.getsockopt(socket.SOL_SOCKET, kind) for kind in (socket.SO_SNDBUF, socket.SO_RCVBUF)]

def application(environ, start_response):
    start_response("200 OK", [])
    return [json.dumps(list(sizes())).encode()]
"""


def test_buffer_sizes(httpd: Make) -> None:
    """send-buffer-size and receive-buffer-size reach the kernel, which doubles them."""
    server = daemon(httpd, "threads=1 send-buffer-size=20000 receive-buffer-size=30000", "sizes.py", start=False)
    server.app("sizes.py", SIZES)
    server.start()
    response = server.get("/")
    assert response.status == 200, server.log()[-2000:]
    if Path("/proc/version").read_text().startswith("Linux"):
        assert response.text == "[[40000, 60000]]"
