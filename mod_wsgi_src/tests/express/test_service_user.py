# SPDX-License-Identifier: Apache-2.0
"""Root sets the server up and a service manager starts it as the application's user: nobody is root while it runs."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import Server
from harness.server import server_account
from harness.waiting import until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs a set-up by root")


@pytest.fixture
def user() -> pwd.struct_passwd:
    return pwd.getpwnam(server_account()[0])


@pytest.fixture
def as_user(user):
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--no-new-privs"]


@pytest.fixture
def server(express, user, as_user):
    runtime, logs = express.directory / "run", express.directory / "logs"
    for directory in (runtime, logs):
        directory.mkdir()
        os.chown(directory, user.pw_uid, user.pw_gid)
    places = ["--runtime-directory", runtime, "--log-directory", logs]
    service = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    words = [express.apps / "variables.wsgi", *places, *service]
    express.setup(*words)
    assert express.plan(*words)["changed"] is False
    command = [*as_user, "/bin/sh", str(express.root / "apachectl"), "start", "-DFOREGROUND"]
    express.servers.append(Server(command, express.env, express.directory, express.port, express.root, express.mark))
    express.servers[-1].wait_ready()
    until(
        (express.directory / "run" / "daemons.json").exists,
        "the list of daemons, which may come after the first answer",
    )
    return express.servers[-1]


@pytest.mark.effect("runtime-directory")
def test_all_of_it_runs_as_that_user(express, server, user):
    assert server.fetch().status == 200
    listed = json.loads((express.directory / "run" / "daemons.json").read_text())
    assert listed["server"] == server.process.pid == int((express.directory / "run" / "httpd.pid").read_text())
    pids = [daemon["pid"] for seats in listed["groups"].values() for seat in seats for daemon in seat["daemons"]]
    assert len(pids) == 2
    for pid in [server.process.pid, *pids]:
        assert Path(f"/proc/{pid}").stat().st_uid == user.pw_uid


def test_R21_it_can_read_its_configuration_and_write_nothing_of_it(express, server, user):
    assert server.fetch().status == 200
    found = [express.root, *express.root.rglob("*")]
    for path in found:
        info = path.lstat()
        assert info.st_uid == 0, f"{path} belongs to another user"
        assert not stat.S_IMODE(info.st_mode) & 0o022, f"{path} can be changed by others"
    secret = {"httpd.conf", "envvars", "express.json"}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in found if path.name in secret} == dict.fromkeys(
        secret, 0o640
    )
    assert {path.stat().st_gid for path in found if path.name in secret} == {user.pw_gid}


def test_that_user_reloads_it(express, server, as_user):
    before = server.fetch().status, json.loads((express.directory / "run" / "daemons.json").read_text())
    done = subprocess.run(
        [*as_user, "/bin/sh", str(express.root / "apachectl"), "express", "reload"],
        env=express.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = json.loads((express.directory / "run" / "daemons.json").read_text())
    assert before[0] == server.fetch().status == 200
    assert after["server"] == before[1]["server"]
    assert after["groups"] != before[1]["groups"]


def test_back_to_a_start_by_root(express, server):
    """The same files, for root alone again."""
    server.stop()
    express.setup(express.apps / "variables.wsgi")
    assert stat.S_IMODE((express.root / "httpd.conf").stat().st_mode) == 0o600
    assert (express.root / "httpd.conf").stat().st_gid == 0
