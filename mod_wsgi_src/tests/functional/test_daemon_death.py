# SPDX-License-Identifier: Apache-2.0
"""Daemons that die, at every moment: who sees what, what the log says, and that the next request is served."""

from __future__ import annotations

import os
import signal
import threading
from typing import Callable

import pytest
from harness.client import Response, fetch
from harness.processes import sleeping_threads
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]


@pytest.fixture
def server(httpd: Make) -> Httpd:
    return httpd(
        "WSGIDaemonProcess d processes=1 threads=2 shutdown-timeout=2\nWSGIProcessGroup d\n"
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/responses.py\n"
    )


def serving_again(server: Httpd, before: int) -> None:
    """Another process serves."""
    until(lambda: (r := server.get("/pid")).status == 200 and int(r.text) != before, "a successor serves")


def test_killed_before_the_response(server: Httpd) -> None:
    before = int(server.get("/pid").text)
    mark = len(server.log())
    assert server.get("/kills_itself").status == 502
    told = server.wait_log(r"signal 9[^\n]*|SIGKILL[^\n]*", since=mark)
    assert told
    serving_again(server, before)


def test_killed_in_a_chunked_response(server: Httpd) -> None:
    before = int(server.get("/pid").text)
    response = server.get("/kills_itself_midway")
    assert (response.status, response.get("Transfer-Encoding")) == (200, "chunked")
    assert response.body == b"first piece\n"
    assert not response.complete, "a cut response looked whole"
    serving_again(server, before)


def test_killed_in_a_response_with_a_length(server: Httpd) -> None:
    response = server.get("/kills_itself_midway?length=1000")
    assert response.status == 200
    assert response.body == b"first piece\n"
    assert not response.complete


def test_killed_in_an_http_1_0_response(server: Httpd) -> None:
    with server.connect() as connection:
        connection.request("GET", "/kills_itself_midway", version="HTTP/1.0")
        with pytest.raises(ConnectionResetError):
            connection.drain()


def test_other_requests_of_the_process_are_told_too(server: Httpd) -> None:
    results: list[Response] = []
    thread = threading.Thread(target=lambda: results.append(fetch(server.port, "/sleeps?n=10")))
    thread.start()
    until(lambda: server.daemon_pids(), "a daemon")
    pid = int(server.get("/pid").text)
    os.kill(pid, signal.SIGKILL)
    thread.join()
    assert results[0].status == 502
    serving_again(server, pid)


def test_a_request_that_waits_is_given_to_the_successor(server: Httpd) -> None:
    """Both threads are busy; the third request has not begun when the process dies, so it is not lost."""
    statuses: dict[str, int] = {}
    paths = ["/sleeps?n=10", "/sleeps?n=10.0", "/hello"]
    threads = [
        threading.Thread(target=lambda path=path: statuses.__setitem__(path, fetch(server.port, path).status))
        for path in paths
    ]
    pid = int(server.get("/pid").text)
    for thread in threads[:2]:
        thread.start()
    until(lambda: sleeping_threads([pid]) >= 2, "both threads are in the application")
    threads[2].start()
    os.kill(pid, signal.SIGSTOP)  # nobody picks it up now
    until(lambda: waiting_connections(server) >= 3, "the third request is on its way")
    os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert statuses == {"/sleeps?n=10": 502, "/sleeps?n=10.0": 502, "/hello": 200}


def waiting_connections(server: Httpd) -> int:
    """Connections to the daemons' socket: established or in its backlog."""
    with open("/proc/net/unix") as file:
        lines = [line for line in file if f"{server.root}/run/" in line]
    return sum(line.split()[5] in ("02", "03") for line in lines)


EXITS = """
import os

def application(environ, start_response):
    if environ["QUERY_STRING"]:
        os._exit(int(environ["QUERY_STRING"]))
    raise SystemExit(3)
"""


def test_A7_exit_in_the_application(httpd: Make) -> None:
    """os._exit() is told with its code, whatever that is: our own endings must not look like one. SystemExit ends the
    request only."""
    server = httpd(
        "WSGIDaemonProcess d processes=1 threads=2\nWSGIProcessGroup d\nWSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias / {apps}/exits.py\n",
        start=False,
    )
    server.app("exits.py", EXITS)
    server.start()
    for code in (0, 3, 201, 203, 209):
        until(lambda: server.get("/").status == 500, "a daemon serves")
        mark = len(server.log())
        assert server.get(f"/?{code}").status == 502
        server.wait_log(rf"request [^\n]* lost by [^\n]* daemon process \d+ exited with code {code}\n", since=mark)
    until(lambda: server.get("/").status == 500, "another one serves")
    (pid,) = server.daemon_pids()
    assert server.get("/").status == 500
    assert server.daemon_pids() == {pid}


def test_a_script_that_kills_its_process_at_load_is_not_a_fork_storm(httpd: Make) -> None:
    """Each request costs a process at most, and starting again is not done in a tight loop."""
    server = httpd(
        "WSGIDaemonProcess d processes=1 threads=1\nWSGIProcessGroup d\nWSGIScriptAlias / {apps}/deadly.py "
        "process-group=d application-group=%{GLOBAL}\n",
        start=False,
    )
    server.app("deadly.py", f"import os\nopen({str(server.data / 'starts')!r}, 'a').write('x')\nos._exit(1)\n")
    server.start()
    until(lambda: (server.data / "starts").exists(), "the script was loaded")
    statuses = {server.get("/").status for _ in range(3)}
    assert statuses <= {502, 503}
    starts = len((server.data / "starts").read_text())
    threading.Event().wait(3)
    assert len((server.data / "starts").read_text()) - starts <= 10


def test_a_broken_script_is_500_and_can_be_mended(serve: Make, mode: str) -> None:
    server = serve("broken.py", start=False)
    server.app("broken.py", "import nothing_of_this_name\n")
    server.start()
    mark = len(server.log())
    assert server.get("/").status == 500
    server.wait_log("ModuleNotFoundError", since=mark)
    server.app("broken.py", "def application(environ, start_response):\n    not = Python\n")
    mark = len(server.log())
    assert server.get("/").status == 500
    server.wait_log("SyntaxError", since=mark)
    server.app(
        "broken.py",
        "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'mended']\n",
    )
    assert server.get("/").body == b"mended"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_a_daemon_that_is_told_to_go_is_replaced(server: Httpd, number: signal.Signals) -> None:
    before = int(server.get("/pid").text)
    os.kill(before, number)
    serving_again(server, before)
    until(lambda: before not in server.daemon_pids(), "the old one is gone")


def test_the_manager_killed(server: Httpd) -> None:
    """Another one takes over; requests go on."""
    (manager,) = server.managers()
    os.kill(manager.pid, signal.SIGKILL)
    until(lambda: [p.pid for p in server.managers()] not in ([], [manager.pid]), "a new manager")
    assert until(lambda: server.get("/hello").status == 200, "it serves")
    until(lambda: len(server.daemon_pids()) == 1 and len(server.managers()) == 1, "one manager, one daemon")


def test_httpd_killed(server: Httpd) -> None:
    """When all of httpd is gone the daemons and their socket go too. (The fixture looks for what is left.)"""
    assert server.process is not None
    main = server.process
    pids = {p.pid for p in server.processes()} - server.daemon_pids() - {m.pid for m in server.managers()}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    main.wait()
    until(lambda: not server.processes(), "all daemons have gone")
    until(lambda: not [p for p in (server.root / "run").iterdir() if p.is_socket()], "the socket has gone")
