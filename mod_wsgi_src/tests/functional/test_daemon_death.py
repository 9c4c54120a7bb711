# SPDX-License-Identifier: Apache-2.0
"""Daemons that die, at every moment: who sees what, what the log says, and that the next request is served."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from typing import Callable

import pytest
from harness.client import Response, fetch
from harness.load import Load
from harness.processes import alive, sleeping_threads
from harness.server import Httpd, wait_for_clients
from harness.waiting import until

Make = Callable[..., Httpd]


@pytest.fixture
def server(httpd: Make) -> Httpd:
    return httpd(
        "WSGIDaemonProcess d processes=1 threads=2 shutdown-timeout=2\nWSGIProcessGroup d\n"
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/responses.py\n"
    )


def serving_again(server: Httpd, before: int) -> None:
    """Another process serves, soon."""
    until(lambda: (r := server.get("/pid")).status == 200 and int(r.text) != before, "a successor serves", 5.0)


def one_line(server: Httpd, mark: int, reason: str) -> None:
    """The log has exactly one error line, with the id of a request and the true reason."""
    server.wait_log(reason, since=mark)
    lines = server.error_lines(mark)
    assert len(lines) == 1, lines
    assert re.search(rf"MWS\d+: request [\w+/@-]{{8,}}: .*{reason}", lines[0]), lines


def descriptors(server: Httpd) -> dict[int, int]:
    """How many each process has that lives as long as the server."""
    daemons = server.daemon_pids()
    return {p.pid: len(os.listdir(f"/proc/{p.pid}/fd")) for p in server.processes() if p.pid not in daemons}


DEATHS = (
    "WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
    "WSGIScriptAlias / {{apps}}/deaths.py\n"
)


def test_A2_killed_before_the_response(httpd: Make) -> None:
    server = httpd(DEATHS.format(options="processes=2 threads=2"))
    before = int(server.get("/pid").text)
    fds = descriptors(server)
    mark = len(server.log())
    log = server.data / "entered"
    assert server.get(f"/entered?log={log}&then=kill").status == 502
    one_line(server, mark, "before its response: daemon process \\d+ was killed by signal 9")
    assert server.get("/pid").status == 200
    until(lambda: len(server.daemon_pids()) == 2, "a successor is there")
    assert log.read_text() == "x", "it was run again"
    assert [server.get("/pid").status for _ in range(8)] == [200] * 8
    now = descriptors(server)
    assert all(now[pid] <= count + 2 for pid, count in fds.items()), (fds, now)  # one kept connection to each
    assert before


def test_A2_killed_while_its_successor_serves(httpd: Make) -> None:
    """Two processes on one seat, of which the old one dies: its request is told with its own end."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    old = int(server.get("/pid").text)
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(fetch(server.port, "/sleeps?n=20").status))
    thread.start()
    until(lambda: sleeping_threads([old]), "it runs")
    os.kill(old, signal.SIGUSR1)
    until(lambda: int(server.get("/pid").text) != old, "the successor serves")
    new = int(server.get("/pid").text)
    mark = len(server.log())
    os.kill(new, signal.SIGKILL)
    until(lambda: int(server.get("/pid").text) not in (old, new), "another one serves")
    os.kill(old, signal.SIGSEGV)
    thread.join()
    assert statuses == [502]
    one_line(server, mark, f"before its response: daemon process {old} was killed by signal 11")


def test_A3_killed_in_a_chunked_response(server: Httpd) -> None:
    """Seen by a client that looks at each byte. tests/test_http2.py has HTTP/2."""
    before = int(server.get("/pid").text)
    mark = len(server.log())
    response = server.get("/kills_itself_midway")
    assert (response.status, response.get("Transfer-Encoding")) == (200, "chunked")
    assert response.body == b"first piece\n"
    assert not response.complete, "a cut response looked whole"
    one_line(server, mark, "during its response: daemon process \\d+ was killed by signal 9")
    serving_again(server, before)


def test_A3_killed_in_an_http_1_0_response(server: Httpd) -> None:
    with server.connect() as connection:
        connection.request("GET", "/kills_itself_midway", version="HTTP/1.0")
        with pytest.raises(ConnectionResetError):
            connection.drain()


def test_A4_killed_in_a_response_with_a_length(server: Httpd) -> None:
    before = int(server.get("/pid").text)
    mark = len(server.log())
    with server.connect() as connection:
        connection.request("GET", "/kills_itself_midway?length=1000")
        response = connection.response()
        assert (response.status, response.body, response.complete) == (200, b"first piece\n", False)
        assert connection.closed_by_server()
    one_line(server, mark, "during its response: daemon process \\d+ was killed by signal 9")
    serving_again(server, before)


@pytest.mark.parametrize(
    ("deed", "number"), [("segv", signal.SIGSEGV), ("bus", signal.SIGBUS), ("abort", signal.SIGABRT)]
)
def test_A5_a_crash_in_the_application(httpd: Make, deed: str, number: int) -> None:
    server = httpd(DEATHS.format(options="processes=1 threads=2").replace("deaths.py", "hangs.py"))
    before = int(server.get("/pid").text)
    mark = len(server.log())
    assert server.get(f"/{deed}").status == 502
    one_line(server, mark, f"before its response: daemon process \\d+ was killed by signal {int(number)}")
    server.wait_log(rf'hangs\.py", line \d+ in {deed}', since=mark)  # the Python stack
    serving_again(server, before)


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


def test_A1_a_request_that_waits_is_given_to_another_process(httpd: Make) -> None:
    """Both threads are busy; the third request has not begun when the process dies: its successor runs it, once."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    log = server.data / "entered"
    pid = int(server.get("/pid").text)
    busy = [threading.Thread(target=fetch, args=(server.port, "/sleeps?n=20")) for _ in range(2)]
    for thread in busy:
        thread.start()
    until(lambda: sleeping_threads([pid]) >= 2, "both threads are in the application")
    queued: list[Response] = []
    path = f"/entered?log={log}&then=answer"
    waiting = threading.Thread(target=lambda: queued.append(fetch(server.port, path)))
    mark = len(server.log())
    waiting.start()
    until(lambda: waiting_connections(server) >= 3, "the third request is on its way")
    os.kill(pid, signal.SIGKILL)
    for thread in [*busy, waiting]:
        thread.join()
    assert queued[0].status == 200
    assert int(queued[0].text) != pid
    assert log.read_text() == "x"
    server.wait_log("lost by", since=mark)
    assert len(server.error_lines(mark)) == 2, "the two that were in the application"


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
    threading.Event().wait(1.5)
    assert len((server.data / "starts").read_text()) - starts <= 3


def test_A8_a_process_that_dies_at_its_start_for_ever(httpd: Make) -> None:
    """A script loaded at start ends the process: 503 with Retry-After, at most one start a second, then mended."""
    server = httpd(
        DEATHS.format(options="processes=1 threads=1 connect-timeout=12")
        + "WSGIImportScript {apps}/deadly.py process-group=d application-group=%{GLOBAL}\n",
        start=False,
    )
    starts = server.data / "starts"
    server.app(
        "deadly.py", f"import os, time\nopen({str(starts)!r}, 'a').write(f'{{time.monotonic()}}\\n')\nos._exit(1)\n"
    )
    server.start()
    mark = len(server.log())
    response = until(lambda: (r := server.get("/pid")).status == 503 and r, "503")
    assert int(response.get("Retry-After") or 0) >= 1
    server.wait_log(r"MWS3043: .* 3 times in a row", since=0)
    begin = time.monotonic()
    assert server.get("/pid").status == 503
    assert time.monotonic() - begin < 6, "no wait for a group that is known to fail"
    until(lambda: len(starts.read_text().split()) >= 4, "it was tried again")
    times = [float(line) for line in starts.read_text().split()]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert min(gaps) >= 0.9, gaps
    assert gaps[-1] >= 1.8, "the pauses grow"
    server.app("deadly.py", "")
    until(lambda: server.get("/pid").status == 200, "it serves when the script is mended", 20.0)
    assert server.log()[mark:].count("MWS3043") <= 1


@pytest.mark.parametrize("where", ["thread", "at_exit", "in_del"])
def test_A9_an_end_that_hangs(httpd: Make, where: str) -> None:
    """Python's own shutdown does not come to an end: the server stops within shutdown-timeout and a second."""
    server = httpd(DEATHS.format(options="processes=1 threads=2 shutdown-timeout=1"))
    assert server.get(f"/{where}").status == 200
    wait_for_clients(server.port)
    begin = time.monotonic()
    server.stop(settle=False)
    assert time.monotonic() - begin < 1 + 1 + 4  # httpd itself needs a second, a slow machine more


def test_A10_the_apache_child_dies(httpd: Make) -> None:
    """Its request has lost its reader: the application's generator is closed at the next block, and the thread serves
    others."""
    server = httpd(DEATHS.format(options="processes=1 threads=1"), children=2)
    pid = int(server.get("/pid").text)
    log = server.data / "closed"
    with server.connect() as connection:
        connection.request("GET", f"/streams?log={log}")
        assert connection.fill()
        victims = [p.pid for p in server.processes() if p.parent == server.process.pid]  # type: ignore[union-attr]
        victims = [p for p in victims if p not in {m.pid for m in server.managers()}]
        begin = time.monotonic()
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        until(lambda: log.exists() and log.read_text() == "x", "the generator was closed", 5.0)
        assert time.monotonic() - begin < 3.0  # a second, and as much again twice for a slow machine
    until(lambda: server.get("/pid").status == 200, "the only thread is free")
    assert int(server.get("/pid").text) == pid


def test_A11_the_parent_is_killed(httpd: Make) -> None:
    """Children of the event MPM live on without it, so requests are served on; once they end, everything goes."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    server.get("/pid")
    main = server.process
    assert main is not None
    children = {p.pid for p in server.processes() if p.parent == main.pid} - {m.pid for m in server.managers()}
    daemons = server.daemon_pids()
    os.kill(main.pid, signal.SIGKILL)
    main.wait()
    assert server.get("/pid").status == 200
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    begin = time.monotonic()
    until(lambda: not any(alive(pid) for pid in daemons), "the daemons have gone", 5.0)
    until(lambda: not server.processes(), "all have gone", 5.0)
    assert time.monotonic() - begin < 5.0
    assert not [p for p in (server.root / "run").iterdir() if p.is_socket()]


def test_A12_every_daemon_is_killed_again_and_again(httpd: Make) -> None:
    """Only what was in the application is lost, nothing hangs, and what waits is served by successors."""
    server = httpd(DEATHS.format(options="processes=2 threads=2"))
    lost = killed = 0
    served: set[int] = set()

    def all_serve() -> bool:
        """None is killed while it starts: that would be another fault, with another answer."""
        response = server.get("/pid", timeout=20)
        served.update([int(response.text)] if response.status == 200 else [])
        pids = server.daemon_pids()
        return len(pids) == 2 and pids <= served

    with Load(server, "/sleeps?n=0.05", threads=6) as load:
        for _ in range(8):
            until(all_serve, "both daemons serve", 30.0)
            for pid in server.daemon_pids():
                os.kill(pid, signal.SIGKILL)
                killed += 1
        before = load.answered
        until(lambda: load.answered > before + 20, "it serves on")
    lost = len(load.failed)
    assert set(load.failed) <= {"status 502"}, load.failed
    assert lost <= killed * 2, "more than were in the application"
    assert killed >= 8


def test_B13_a_forked_child_returns_through_the_server(httpd: Make) -> None:
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    pid = int(server.get("/pid").text)
    for _ in range(5):
        response = server.get("/fork")
        assert (response.status, response.text, response.complete) == (200, "parent", True)
    assert int(server.get("/pid").text) == pid


def test_B13_children_that_nobody_waits_for(httpd: Make) -> None:
    """They stay zombies, which is the application's affair, until their process is replaced; the server is not hurt."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    pid = int(server.get("/zombies").text)
    assert int(server.get("/pid").text) == pid
    os.kill(pid, signal.SIGUSR1)
    serving_again(server, pid)
    until(lambda: not alive(pid), "it has gone")


def test_B13_a_program_that_outlives_its_daemon(httpd: Make) -> None:
    """It lives on when its process is replaced, and ends with the server."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"))
    program = int(server.get("/outlives").text)
    pid = int(server.get("/pid").text)
    os.kill(pid, signal.SIGUSR1)
    serving_again(server, pid)
    until(lambda: not alive(pid), "the daemon has gone")
    second = int(server.get("/outlives").text)
    assert alive(program)
    server.stop()
    assert not alive(program)
    assert not alive(second)


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


def test_A11_httpd_killed(server: Httpd) -> None:
    """When all of httpd is gone the daemons and their socket go too. (The fixture looks for what is left.)"""
    assert server.process is not None
    main = server.process
    pids = {p.pid for p in server.processes()} - server.daemon_pids() - {m.pid for m in server.managers()}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    main.wait()
    until(lambda: not server.processes(), "all daemons have gone")
    until(lambda: not [p for p in (server.root / "run").iterdir() if p.is_socket()], "the socket has gone")
