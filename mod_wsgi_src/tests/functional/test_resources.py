# SPDX-License-Identifier: Apache-2.0
"""A machine that runs short of something, or does something odd with its clock."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Callable

import pytest
from harness import building
from harness.client import Response, fetch
from harness.processes import sleeping_threads
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]
DEATHS = (
    "WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
    "WSGIScriptAlias /app {{apps}}/deaths.py\n"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "MOD_WSGI_TEST_PRELOAD" in os.environ:
        pytest.skip("a sanitizer replaces the same functions")
    return building.shim(tmp_path_factory.mktemp("faults"), "faults")


def faulty(server: Httpd, shim: Path, **faults: object) -> dict[str, str]:
    """The environment in which a server meets these faults."""
    preload = server.root / "faults.so"  # where another user can read it
    shutil.copyfile(shim, preload)
    found = {f"FAULT_{name.upper()}": str(value) for name, value in faults.items()}
    return {"LD_PRELOAD": str(preload), "FAULT_MODULE": str(server.module), **found}


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


# --- descriptors ---


def test_G1_an_apache_child_without_descriptors(httpd: Make, shim: Path) -> None:
    """It cannot reach the daemons: 503 with the reason; it can again as soon as there are some."""
    server = httpd(DEATHS.format(options="processes=1 threads=2"), start=False)
    flag = server.data / "flag"
    server.start(faulty(server, shim, socket=flag))
    mark = len(server.log())
    flag.touch()
    response = server.get("/app/pid")
    assert response.status == 503
    assert response.get("Retry-After")
    server.wait_log("request .*Too many open files", since=mark)
    flag.unlink()
    assert server.get("/app/pid").status == 200
    assert len(server.error_lines(mark)) == 1


def test_G1_a_daemon_without_descriptors(httpd: Make, shim: Path) -> None:
    """It cannot take new connections, does not spin, and takes them as soon as it can."""
    server = httpd(DEATHS.format(options="processes=1 threads=3"), start=False)
    flag = server.data / "flag"
    server.start(faulty(server, shim, accept=flag))
    pid = int(server.get("/app/pid").text)
    answers: list[Response] = []
    busy = threading.Thread(target=lambda: answers.append(fetch(server.port, "/app/sleeps?n=1.5")))
    busy.start()
    until(lambda: sleeping_threads([pid]), "the kept connection is in use")
    flag.touch()
    waiting = threading.Thread(target=lambda: answers.append(fetch(server.port, "/app/pid")))
    waiting.start()
    before = cpu(pid)
    busy.join()
    assert cpu(pid) - before < 0.5, "it spins"
    assert [answer.status for answer in answers] == [200]
    flag.unlink()
    waiting.join()
    assert [(answer.status, answer.text) for answer in answers] == [(200, str(pid))] * 2


# --- logs ---


@pytest.mark.parametrize("log", ["/dev/full", "gone/error.log", '"|/bin/true"'])
def test_G2_a_log_that_cannot_be_written(httpd: Make, log: str) -> None:
    """A full disk, a directory that is removed, a program at the pipe's end that dies: requests are served."""
    server = httpd(
        f"<VirtualHost *:{{port}}>\nServerName localhost\nErrorLog {log}\n{DEATHS.format(options='threads=2')}"
        "WSGIScriptAlias /responses {apps}/responses.py\n</VirtualHost>\n",
        start=False,
    )
    (server.root / "gone").mkdir()
    server.start()
    shutil.rmtree(server.root / "gone")
    for number in range(20):
        assert server.get(f"/app/logs?n={number}").status == 200
        assert server.get("/responses/raises").status == 500
    pid = server.get("/app/pid").text
    assert server.get("/app/exits?n=3").status == 502
    until(lambda: (r := server.get("/app/pid")).status == 200 and r.text != pid, "a successor")


# --- sockets ---


@as_root
def test_G3_a_socket_directory_that_children_cannot_enter(httpd: Make) -> None:
    server = httpd("WSGISocketPrefix {root}/closed/run/s\n" + DEATHS.format(options=""), start=False)
    (server.root / "closed" / "run").mkdir(parents=True)
    (server.root / "closed").chmod(0o700)
    code, output = server.run("-DFOREGROUND")
    assert code != 0
    assert "WSGISocketPrefix" in output
    assert f"'{server.root}/closed' has mode 0700 and belongs to user 0" in output


def test_G3_a_socket_directory_that_is_a_file(httpd: Make) -> None:
    server = httpd("WSGISocketPrefix {root}/file/s\n" + DEATHS.format(options=""), start=False)
    (server.root / "file").write_text("")
    code, output = server.run("-DFOREGROUND")
    assert code != 0
    assert f"{server.root}/file/s" in output


def test_G3_a_stale_socket_is_removed(httpd: Make) -> None:
    """Nobody listens on it any more; a socket on which somebody does is left alone."""
    server = httpd("WSGISocketPrefix {root}/run/s\n" + DEATHS.format(options=""), start=False)
    stale, living = (server.root / "run" / f"s.{number}.0.0.0.sock" for number in (1, 2))
    with socket.socket(socket.AF_UNIX) as dead, socket.socket(socket.AF_UNIX) as alive:
        dead.bind(str(stale))
        dead.listen()
        dead.close()
        alive.bind(str(living))
        alive.listen()
        server.start()
        assert not stale.exists()
        assert living.exists()
        assert server.get("/app/pid").status == 200


# --- time ---


@pytest.mark.parametrize("jump", [86400, -86400])
def test_G4_the_clock_jumps(httpd: Make, shim: Path, jump: int) -> None:
    """By a day, forward or back, while a request runs: no time limit fires, and later ones are served."""
    options = (
        "threads=2 request-timeout=20 queue-timeout=20 deadlock-timeout=20 inactivity-timeout=60 socket-timeout=20"
    )
    server = httpd(DEATHS.format(options=options), start=False)
    clock = server.root / "clock"
    clock.write_bytes(struct.pack("q", 0))
    server.start(faulty(server, shim, clock=clock))
    pid = int(server.get("/app/pid").text)
    mark = len(server.log())
    answers: list[Response] = []
    thread = threading.Thread(target=lambda: answers.append(fetch(server.port, "/app/sleeps?n=2")))
    thread.start()
    until(lambda: sleeping_threads([pid]), "the request runs")
    with open(clock, "r+b") as file:
        file.write(struct.pack("q", jump))
    assert server.get("/app/pid").text == str(pid)
    thread.join()
    assert (answers[0].status, answers[0].text) == (200, str(pid))
    time.sleep(1.2)  # the monitor looks once a second
    assert server.get("/app/pid").text == str(pid)
    assert server.error_lines(mark) == []


# --- processes, threads, users, memory ---


@as_root
@pytest.mark.parametrize("fault", ["fails", "lies"])
def test_G6_the_user_cannot_be_changed(httpd: Make, shim: Path, fault: str) -> None:
    """Then no application runs, least of all as root."""
    server = httpd(DEATHS.format(options="threads=2 connect-timeout=2 user=nobody"), start=False)
    server.start(faulty(server, shim, setuid=fault))
    assert server.get("/app/pid").status == 503
    server.wait_log("cannot become user|root could be had back")
    assert int(server.get("/app/pid").get("Retry-After") or 0) >= 1


@as_root
@pytest.mark.parametrize(
    ("call", "option", "said"),
    [
        ("initgroups", "", "cannot take the supplementary groups"),
        ("setgroups", "supplementary-groups=nogroup", "cannot take the supplementary groups"),
        ("setgid", "", r"cannot become group \d+ \(group=\)"),
        ("chroot", "chroot={root}", r"cannot change the root directory \(chroot=\)"),
        ("setenv", "", "cannot set the environment"),
        ("setpriority", "cpu-priority=7", "cannot set cpu-priority=7"),
        ("setrlimit", "open-files-limit=100", "cannot set open-files-limit=100"),
    ],
)
def test_G6_a_daemon_that_cannot_take_its_place(httpd: Make, shim: Path, call: str, option: str, said: str) -> None:
    """The log names group and step, and no application runs."""
    server = httpd(DEATHS.format(options=f"threads=2 connect-timeout=1 user=nobody {option}"), start=False)
    server.start(faulty(server, shim, refused=call))
    server.wait_log(f"daemon group 'd': {said}: Operation not permitted")
    assert server.get("/app/pid").status == 503


@pytest.mark.parametrize("fault", ["fork", "thread"])
def test_G6_no_process_and_no_thread_can_be_had(httpd: Make, shim: Path, fault: str) -> None:
    """Told, tried again with pauses, and mended by itself."""
    server = httpd(DEATHS.format(options="threads=2 connect-timeout=1"), start=False)
    flag = server.data / "flag"
    server.start(faulty(server, shim, **{fault: flag}))
    pid = int(server.get("/app/pid").text)
    mark = len(server.log())
    flag.touch()
    assert server.get("/app/exits?n=3").status == 502
    assert server.get("/app/pid").status == 503
    server.wait_log("cannot fork|cannot start the monitor thread", since=mark)
    time.sleep(1)
    assert len(server.log()[mark:].splitlines()) <= 20
    flag.unlink()
    until(lambda: (r := server.get("/app/pid")).status == 200 and int(r.text) != pid, "it serves again")


def test_G7_no_shared_memory(httpd: Make, shim: Path) -> None:
    """The server does not start, and says for what there was none."""
    server = httpd(DEATHS.format(options=""), start=False)
    code, output = server.run("-DFOREGROUND", env=faulty(server, shim, shared=1))
    assert code != 0
    assert "MWS" in output
    assert "memory" in output
