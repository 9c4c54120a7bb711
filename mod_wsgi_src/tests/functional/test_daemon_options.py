# SPDX-License-Identifier: Apache-2.0
"""Options of WSGIDaemonProcess: who the daemons are and what surrounds them."""

from __future__ import annotations

import json
import os
import pwd
import signal
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.load import at_once
from harness.server import Httpd, server_account
from harness.waiting import until

Make = Callable[..., Httpd]

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes users")


def daemon(httpd: Make, options: str, app: str = "environment.py", config: str = "", **more: Any) -> Httpd:
    return httpd(
        f"WSGIDaemonProcess d {options}\nWSGIProcessGroup d\nWSGIApplicationGroup %{{GLOBAL}}\n"
        f'WSGIScriptAlias / "{{apps}}/{app}"\n{config}',
        **more,
    )


@only_root
def test_daemons_run_as_the_server_s_user_by_default(httpd: Make) -> None:
    facts = daemon(httpd, "threads=1").around()
    entry = pwd.getpwnam(server_account()[0])
    assert (facts["uid"], facts["gid"]) == (entry.pw_uid, entry.pw_gid)


def other_user() -> pwd.struct_passwd:
    return next(
        u for u in pwd.getpwall() if u.pw_name in ("games", "mail", "backup") and u.pw_uid not in (0, os.getuid())
    )


@only_root
def test_user_and_group(httpd: Make) -> None:
    user = other_user()
    server = daemon(httpd, f"user={user.pw_name} group=#{user.pw_gid} threads=1")
    facts = server.around()
    assert (facts["uid"], facts["gid"]) == (user.pw_uid, user.pw_gid)
    assert set(facts["groups"]) == set(os.getgrouplist(user.pw_name, user.pw_gid))
    status = Path(f"/proc/{facts['pid']}/status").read_text()
    lines = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert lines["Uid"].split() == [str(user.pw_uid)] * 4
    assert lines["Gid"].split() == [str(user.pw_gid)] * 4
    assert int(lines["CapEff"], 16) == 0
    environment = facts["environment"]
    assert (environment["HOME"], environment["USER"]) == (user.pw_dir, user.pw_name)


@only_root
def test_the_socket_belongs_to_the_server_s_user(httpd: Make) -> None:
    server = daemon(httpd, f"user={other_user().pw_name} threads=1")
    assert server.around()["uid"] == other_user().pw_uid
    sockets = [path for path in (server.root / "run").iterdir() if path.is_socket()]
    assert sockets
    for path in sockets:
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_uid == pwd.getpwnam(server_account()[0]).pw_uid


def test_umask(httpd: Make) -> None:
    assert daemon(httpd, "threads=1 umask=0027").around()["umask"] == 0o027


def test_home(httpd: Make) -> None:
    server = daemon(httpd, "threads=1 home={data}")
    facts = server.around()
    assert facts["cwd"] == str(server.data)
    assert facts["path"][0] == str(server.data)


def test_a_missing_home_is_told(httpd: Make) -> None:
    server = daemon(httpd, "threads=1 home=/nonexistent/home")
    server.wait_log("/nonexistent/home")
    assert server.get("/").status in (500, 503)


def test_lang_and_locale(httpd: Make) -> None:
    facts = daemon(httpd, "threads=1 lang=C.UTF-8 locale=C.UTF-8").around()
    assert facts["environment"]["LANG"] == "C.UTF-8"
    assert facts["environment"]["LC_ALL"] == "C.UTF-8"
    assert facts["locale"] == "C.UTF-8"


@pytest.mark.parametrize(("name", "title"), [("%{GROUP}", "(wsgi:d)"), ("my-title", "my-title")])
def test_display_name(httpd: Make, name: str, title: str) -> None:
    server = daemon(httpd, f"threads=1 display-name={name}")
    assert server.around()["title"].startswith(title)


def test_processes_and_threads(httpd: Make) -> None:
    """All threads of all processes work at once, and no process gets what another is free for."""
    server = daemon(httpd, "processes=2 threads=3", "responses.py")
    until(lambda: len(server.daemon_pids()) == 2, "two daemons")
    assert at_once(server, ["/sleeps?n=1"] * 6) == [200] * 6
    seen = {server.get("/sleeps?n=0.05").text for _ in range(4)}
    assert {int(pid) for pid in seen} <= server.daemon_pids()


def test_argv_and_private_environment(httpd: Make) -> None:
    facts = daemon(httpd, "threads=1").around()
    assert facts["argv"] == ["mod_wsgi"]


def test_daemons_keep_no_listening_socket(httpd: Make) -> None:
    """A daemon that kept httpd's port would keep it busy after a stop."""
    server = daemon(httpd, "threads=1")
    server.around()
    inodes = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{server.port:04X}") and fields[3] == "0A":
            inodes.add(f"socket:[{fields[9]}]")
    assert inodes
    for process in server.daemons() + server.managers():
        links = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")}
        assert not links & inodes, f"{process} holds httpd's port"


def test_an_error_log_of_a_virtual_host(httpd: Make) -> None:
    server = httpd(
        """
<VirtualHost *:{port}>
    ServerName first.example
    ErrorLog logs/first.log
    WSGIDaemonProcess inside threads=2
    WSGIProcessGroup inside
    WSGIScriptAlias / {apps}/logging_.py
</VirtualHost>
"""
    )
    assert server.get("/errors?text=into-its-own-log").status == 200
    own = server.root / "logs" / "first.log"
    until(lambda: "into-its-own-log" in own.read_text(), "the line is in the host's log")
    assert "into-its-own-log" not in server.log()


SERVICE = """
import os, sys, threading, time

def note(text):
    with open({path!r}, "a") as file:
        file.write(text + "\\n")

note("begin %d %s" % (os.getpid(), threading.current_thread() is threading.main_thread()))
try:
    while not os.path.exists({path!r} + ".leave"):
        time.sleep(0.02)
    note("returned")
except SystemExit:
    note("SystemExit")
    raise
"""


def service(httpd: Make) -> tuple[Httpd, Path]:
    server = httpd(
        "WSGIDaemonProcess s processes=1 threads=0 display-name=%{GROUP}\n"
        "WSGIImportScript {apps}/service.py process-group=s application-group=%{GLOBAL}\n"
        "WSGIScriptAlias / {apps}/responses.py\n",
        start=False,
    )
    notes = server.data / "notes"
    server.app("service.py", SERVICE.format(path=str(notes)))
    server.start()
    until(lambda: notes.exists() and "begin" in notes.read_text(), "the service runs")
    return server, notes


def test_a_service_script_runs_on_the_main_thread_until_it_is_stopped(httpd: Make) -> None:
    server, notes = service(httpd)
    assert server.get("/hello").status == 200
    first = notes.read_text().split()
    assert first[2] == "True"
    assert {int(first[1])} == server.daemon_pids()
    server.stop()
    assert notes.read_text().splitlines()[1:] == ["SystemExit"]


def test_a_service_script_that_returns_is_started_again(httpd: Make) -> None:
    server, notes = service(httpd)
    leave = Path(f"{notes}.leave")
    leave.touch()
    until(lambda: "returned" in notes.read_text(), "it returned")
    leave.unlink()
    until(lambda: notes.read_text().count("begin") >= 2 and len(server.daemon_pids()) == 1, "it was started again")


def test_a_service_script_that_fails_says_so(httpd: Make) -> None:
    server = httpd(
        "WSGIDaemonProcess s processes=1 threads=0\n"
        "WSGIImportScript {apps}/service.py process-group=s application-group=%{GLOBAL}\n",
        start=False,
    )
    server.app("service.py", "import sys\nsys.exit(3)\n")
    server.start()
    server.wait_log(r"MWS2052: the service script '.*service\.py' exited with a failure")


def test_a_service_takes_no_requests(httpd: Make) -> None:
    server, _ = service(httpd)
    text = server.conf.read_text()
    server.conf.write_text(text + "WSGIProcessGroup s\n")
    server.graceful()
    assert server.get("/hello").status in (500, 503)


def test_B16_what_an_application_changes_about_its_process_stays_there(httpd: Make) -> None:
    """Locale, directory, umask, time zone and variables: another group keeps its own, so does Apache, and so does the
    next process of the same group."""
    server = httpd(
        "WSGIDaemonProcess loud threads=1 home={data} umask=0022 locale=C.UTF-8\n"
        "WSGIDaemonProcess quiet threads=1 home={data} umask=0027 locale=C.UTF-8\n"
        "WSGIApplicationGroup %{GLOBAL}\n"
        "WSGIScriptAlias /loud {apps}/surroundings.py process-group=loud\n"
        "WSGIScriptAlias /quiet {apps}/surroundings.py process-group=quiet\n"
        "WSGIScriptAlias /embedded {apps}/surroundings.py process-group=%{GLOBAL}\n",
        env={"TZ": "UTC"},
    )

    def seen(path: str) -> dict[str, Any]:
        response = server.get(path)
        assert response.status == 200, server.log()[-3000:]
        return json.loads(response.body)

    before = {path: seen(path) for path in ("/loud", "/quiet", "/embedded")}
    assert (before["/loud"]["umask"], before["/quiet"]["umask"]) == (0o022, 0o027)
    changed = seen("/loud/change")
    assert {**changed, "pid": 0} == {
        "pid": 0,
        "directory": "/",
        "umask": 0o077,
        "offset": 19800,
        "mark": "changed",
        "locale": "C",
    }
    assert seen("/loud") == changed
    assert seen("/quiet") == before["/quiet"]
    assert seen("/embedded") == before["/embedded"]
    os.kill(before["/loud"]["pid"], signal.SIGUSR1)
    until(lambda: seen("/loud")["pid"] != before["/loud"]["pid"], "another process serves")
    assert {**seen("/loud"), "pid": 0} == {**before["/loud"], "pid": 0}
