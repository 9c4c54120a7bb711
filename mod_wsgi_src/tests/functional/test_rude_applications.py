# SPDX-License-Identifier: Apache-2.0
"""Applications that are rude to their own process: the server lives on, or replaces the process and says why."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Callable

import pytest
from harness.client import Response
from harness.server import Httpd
from harness.waiting import until

Serve = Callable[..., Httpd]
Deed = Callable[[str], Response]
KILLED = re.compile(r"signal (?:4|6|7|8|11)\b|SIGSEGV|SIGABRT|Fatal Python error")


def serves(server: Httpd, path: str = "/pid") -> str:
    """The process that answers, which it does at once."""
    response = server.get(path, timeout=5)
    assert response.status == 200
    return response.text


@pytest.fixture
def rude(lab: Httpd) -> Iterator[Callable[[str], Response]]:
    """Has the application do something that must not cost its process."""
    before = serves(lab, "/rude/pid")
    yield lambda deed: lab.get(f"/rude/{deed}", timeout=20)
    assert serves(lab, "/rude/pid") == before


def told_once(server: Httpd, mark: int, pattern: str) -> None:
    server.wait_log(pattern, since=mark)
    assert len(re.findall(pattern, server.log()[mark:])) == 1


# --- B14: descriptors ---


def test_B14_standard_input_is_empty(rude: Deed) -> None:
    assert rude("stdin").text == "('', b'')"


def test_B14_a_long_line_without_an_end_is_cut(serve: Serve) -> None:
    server = serve("rude.py")
    assert server.get("/long_line?1048576", timeout=20).text == "printed"
    until(lambda: server.log().count("y" * 64) == (1 << 20) // 64, "all of it is in the log")
    assert max(len(line) for line in server.log().splitlines()) < 8300
    serves(server)


@pytest.mark.parametrize("deed", ["close_standard", "cover_stderr?{data}/covered"])
def test_B14_the_log_survives(serve: Serve, deed: str) -> None:
    server = serve("rude.py")
    before = serves(server)
    assert server.get("/" + deed.replace("{data}", str(server.data))).status == 200
    server.wait_log("after (the standard descriptors went|stderr was covered)")
    assert serves(server) == before


@pytest.mark.parametrize("mode", ["daemon"])
def test_B14_a_process_without_descriptors_is_replaced(serve: Serve, mode: str) -> None:
    server = serve("rude.py", daemon="processes=1 threads=2")
    before = serves(server)
    mark = len(server.log())
    assert server.get("/close_all").status == 502
    told_once(server, mark, r"\[wsgi:error\].* lost by daemon group 'app' before its response")
    until(lambda: serves(server) != before, "a successor serves")
    assert len(server.daemons()) == 1


# --- B15: signals ---


def test_B15_handlers_are_not_installed(lab: Httpd, rude: Deed) -> None:
    mark = len(lab.log())
    assert rude("handler").text == "(True, True)"
    told_once(lab, mark, "signal handler of the application is not installed")


@pytest.mark.parametrize("mode", ["daemon"], scope="session")
def test_B15_an_alarm_ends_nobody(rude: Deed, mode: str) -> None:
    assert rude("alarm").text == "awake"


def test_B15_blocked_signals_do_not_hinder_the_stop(serve: Serve) -> None:
    server = serve("rude.py")
    for _ in range(8):  # most threads of it
        assert server.get("/block").status == 200
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 8  # shutdown-timeout is 5 s: nothing waited for it


@pytest.mark.parametrize("mode", ["daemon"])
def test_B15_a_process_that_ends_itself_finishes_its_request(serve: Serve, mode: str) -> None:
    server = serve("rude.py")
    before = serves(server)
    assert server.get("/end_itself").text == "finished"
    assert serves(server) != before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user for the daemons")
def test_B15_the_parent_belongs_to_another_user(lab: Httpd, rude: Deed) -> None:
    mark = len(lab.log())
    assert rude("end_parent").status == 500
    told_once(lab, mark, r"PermissionError: \[Errno 1\]")


@pytest.mark.parametrize("mode", ["daemon"])
def test_B15_a_sibling_is_replaced(serve: Serve, mode: str) -> None:
    server = serve("rude.py", daemon="processes=2 threads=2")
    me = serves(server)
    other = next(pid for pid in server.daemon_pids() if pid != int(me))
    assert server.get(f"/end_other?{other}").text == "told"
    until(lambda: len(server.daemon_pids() - {other}) == 2, "a successor is there")
    serves(server)


# --- B20: exceptions ---


@pytest.mark.parametrize(
    ("deed", "told"),
    [("recurse", "RecursionError"), ("chain?500", "ValueError: 499"), ("broken_text", "BrokenError")],
)
def test_B20_a_monstrous_traceback(lab: Httpd, rude: Deed, deed: str, told: str) -> None:
    mark = len(lab.log())
    assert rude(deed).status == 500
    lab.wait_log(told, since=mark)
    assert len(re.findall("raised an exception", lab.log()[mark:])) == 1
    assert max(len(line) for line in lab.log()[mark:].splitlines()) < 8300


def test_B20_a_traceback_forges_no_lines(lab: Httpd, rude: Deed) -> None:
    mark = len(lab.log())
    assert rude("message?cause").status == 500
    lab.wait_log("forged", since=mark)
    for line in lab.log()[mark:].splitlines():
        assert re.match(r"\[\w{3} \w{3} \d\d ", line)
        assert "\x1b" not in line
        assert "\0" not in line


# --- B21: threads that are still there ---


@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
def test_B21_background_threads_at_the_end_of_daemons(httpd: Serve, group: str) -> None:
    server = httpd(
        "WSGIDaemonProcess app processes=1 threads=2 shutdown-timeout=1\nWSGIProcessGroup app\n"
        f"WSGIApplicationGroup {group}\nWSGIScriptAlias / {{apps}}/rude.py"
    )
    for _ in range(10):
        assert server.get("/background").text == "started"
        before = serves(server)
        os.kill(int(before), signal.SIGTERM)
        until(lambda pid=before: serves(server) != pid, "a successor serves")
    server.stop()
    assert not KILLED.search(server.log())


@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
def test_B21_background_threads_at_the_end_of_apache_children(httpd: Serve, group: str) -> None:
    server = httpd(f"WSGIApplicationGroup {group}\nWSGIScriptAlias / {{apps}}/rude.py")
    for _ in range(3):
        assert server.get("/background").text == "started"
        before = serves(server)
        server.graceful()
        until(lambda pid=before: serves(server) != pid, "a new child serves")
    server.stop()
    assert not KILLED.search(server.log())
