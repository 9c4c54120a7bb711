# SPDX-License-Identifier: Apache-2.0
"""Who could read or change what a server consists of."""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import sys
from pathlib import Path

import pytest
from harness import processes
from harness.server import server_account
from harness.waiting import until

ROOT = os.geteuid() == 0
CANARY = "canary-3f1c77"


def pids(server) -> list[int]:
    return [found.pid for found in processes.of_server(server.root, server.mark)]


@pytest.fixture
def server(express):
    """With a secret in the environment of requests and one in that of the server."""
    env = express.directory / "env.sh"
    env.write_text(f"TEST_SECRET={CANARY}; export TEST_SECRET\n")
    env.chmod(0o600)
    document = {
        "entry": str(express.apps / "variables.wsgi"),
        "options": {
            "setenv": [["TEST_TOKEN", CANARY]],
            "envvars-script": str(env),
            "access-log": True,
            "log-level": "debug",
            "service-script": [["tasks", str(express.apps / "service.py")]],
            "service-log": [["tasks", "tasks_log"]],
        },
    }
    options = express.directory / "options.json"
    options.write_text(json.dumps(document))
    options.chmod(0o600)
    started = express.start("--options-file", options)
    found = json.loads(started.fetch("/").body)
    assert (found["secret"], found["extra"]["TEST_TOKEN"]) == (CANARY, CANARY)
    until(lambda: express.service_sees(express.root / "tasks_log"), "the service")
    return started


def test_R20_a_secret_stays_with_those_who_need_it(express, server):
    places = []
    for pid in pids(server):
        if CANARY.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            places.append(f"argv of {pid}")
        if stat.S_IMODE(os.stat(f"/proc/{pid}/environ").st_mode) & 0o044:
            places.append(f"environment of {pid}")
    for path in [*express.root.rglob("*"), *express.directory.glob("output*")]:
        if path.is_file() and CANARY in path.read_text(errors="replace"):
            if path.stat().st_mode & 0o077:
                places.append(f"{path} can be read")
            if "log" in path.name or "output" in path.name:
                places.append(f"{path} has it")
    for command in ("status", "logs"):
        done = express.run(command, "--server-root", express.root)
        if CANARY in done.stdout + done.stderr:
            places.append(command)
    assert not places


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_R20_no_process_of_the_application_leaves_its_memory(server):
    """One that has changed its user and may not be dumped belongs to root in /proc: it writes no core file, and its own
    user can read neither its memory nor its environment."""
    user = pwd.getpwnam(server_account()[0]).pw_uid
    theirs = [pid for pid in pids(server) if f"\nUid:\t{user}\t" in Path(f"/proc/{pid}/status").read_text()]
    assert len(theirs) >= 3  # httpd's, the application's and the service's
    assert {os.stat(f"/proc/{pid}/mem").st_uid for pid in theirs} == {0}


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_R21_files_belong_to_the_right_user(express, server):
    user = pwd.getpwnam(server_account()[0])
    findings = []
    for path in [express.root, *express.root.rglob("*")]:
        try:
            info = path.lstat()
        except FileNotFoundError:  # the list of daemons, on its way to its name
            continue
        if stat.S_ISSOCK(info.st_mode):
            continue
        if info.st_uid != 0 or info.st_mode & 0o022:
            findings.append(f"{path}: {info.st_uid} {info.st_mode:o}")
    for pid in pids(server):
        for name in os.listdir(f"/proc/{pid}/fd"):
            target = os.readlink(f"/proc/{pid}/fd/{name}")
            if target.startswith(("/tmp/", "/var/tmp/")) and not target.startswith(f"{express.directory}/"):
                findings.append(f"{pid} has {target} open")
    assert not findings
    sockets = list(express.root.rglob("*.sock"))
    assert sockets
    for path in sockets:
        assert path.stat().st_mode & 0o077 == 0
        assert path.stat().st_uid == user.pw_uid
    third = pwd.getpwnam("nobody")
    child = os.fork()
    if child == 0:  # somebody else finds every door closed
        code = 1
        try:
            os.setgroups([])
            os.setgid(third.pw_gid)
            os.setuid(third.pw_uid)
            for path in sockets:
                with socket.socket(socket.AF_UNIX) as door:
                    try:
                        door.connect(str(path))
                    except PermissionError:
                        code = 0
                    else:
                        code = 1
                        break
        finally:
            sys.stdout.flush()
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_R21_root_writes_no_log_where_another_user_may_lead_it(express):
    """A directory that was the application's before may hold what that has planted there."""
    logs, target, user = express.directory / "logs", express.directory / "target", pwd.getpwnam("nobody")
    logs.mkdir()
    target.write_text("")
    os.chown(logs, user.pw_uid, -1)
    words = [express.apps / "hello.wsgi", "--log-directory", logs]
    assert f"--log-directory: '{logs}' belongs to user #{user.pw_uid}" in express.refused(*words, code=1)
    os.chown(logs, 0, 0)
    planted = logs / "error_log.2030-01-01"
    planted.symlink_to(target)
    os.chown(planted, user.pw_uid, -1, follow_symlinks=False)
    assert f"'{planted}' of user #{user.pw_uid} is a link or no regular file" in express.refused(*words, code=1)
    planted.unlink()
    planted.hardlink_to(target)
    assert f"'{planted}' of user #0 is a link or no regular file" in express.refused(*words, code=1)
    planted.unlink()
    (logs / "error_log").write_text("what was logged before\n")
    os.chown(logs / "error_log", user.pw_uid, -1)
    express.start(*words)
    assert "what was logged before" in (logs / "error_log").read_text()
