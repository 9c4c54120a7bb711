# SPDX-License-Identifier: Apache-2.0
"""Reloading, the control script, start and end."""

from __future__ import annotations

import json
import os
import pty
import pwd
import signal
import subprocess

import pytest
from harness.client import fetch
from harness.server import free_port, server_account
from harness.waiting import until

ROOT = os.geteuid() == 0


@pytest.mark.parametrize("reload", [["--reload-on-changes"], []], ids=["all modules", "entry module"])
def test_a_changed_module_replaces_the_process(express, reload):
    words = ["--application-type", "module", "--working-directory", express.apps]
    server = express.start("package.web", *words, *reload)
    before = server.fetch()
    module = express.apps / "package" / "web.py"
    module.write_text(module.read_text().replace("first", "second"))
    until(lambda: server.fetch().body == b"second", f"the changed module\n{server.text()}")
    assert server.fetch().get("X-Pid") != before.get("X-Pid")


def test_an_imported_module_is_watched_only_on_request(express):
    (express.apps / "helper.py").write_text("WORD = b'first'\n")
    (express.apps / "entry.wsgi").write_text(
        "import helper\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [helper.WORD]\n"
    )
    server = express.start(express.apps / "entry.wsgi", "--working-directory", express.apps, "--reload-on-changes")
    assert server.fetch().body == b"first"
    (express.apps / "helper.py").write_text("WORD = b'other'  # longer than before\n")
    until(lambda: server.fetch().body == b"other", f"the changed module\n{server.text()}")


def test_a_changed_script_is_loaded_again(express):
    server = express.start(express.apps / "hello.wsgi")
    assert server.fetch("/x").body == b"app '' '/x'"
    script = express.apps / "hello.wsgi"
    script.write_text(script.read_text().replace("app ", "new "))
    assert server.fetch("/x").body == b"new '' '/x'"


def test_reloading_can_be_disabled(express):
    server = express.start(express.apps / "hello.wsgi", "--disable-reloading")
    assert server.fetch("/x").body == b"app '' '/x'"
    script = express.apps / "hello.wsgi"
    script.write_text(script.read_text().replace("app ", "new "))
    assert server.fetch("/x").body == b"app '' '/x'"


def test_apachectl(express):
    express.setup(express.apps / "hello.wsgi")
    control = express.root / "apachectl"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", control, *words], env=express.env, capture_output=True, text=True, check=False
        )

    assert run().returncode == 2
    assert run("configtest").returncode == 0
    assert run("status").returncode == 3
    assert run("start").returncode == 0
    try:
        until(lambda: run("status").returncode == 0, "a running server")
        assert f"http://localhost:{express.port}/" in run("status").stdout
        assert run("graceful").returncode == 0
        assert run("status").returncode == 0
    finally:
        assert run("stop").returncode == 0
    until(lambda: run("status").returncode == 3, "its end")


def test_a_service_manager_can_stop_it_by_the_pid_it_started(express):
    """start-server becomes httpd itself: no process in between that could die alone."""
    server = express.start(express.apps / "hello.wsgi")
    assert until((express.root / "httpd.pid").exists, "the pid file")
    assert int((express.root / "httpd.pid").read_text()) == server.process.pid
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def test_prefork_and_worker(express):
    for mpm in ("prefork", "worker"):
        server = express.start(express.apps / "hello.wsgi", "--server-mpm", mpm)
        assert server.fetch("/x").body == b"app '' '/x'"
        server.stop()


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_application_and_files_of_an_ordinary_user(express):
    server = express.start(express.apps / "variables.wsgi", "--setenv", "TEST_A", "1")
    assert json.loads(server.fetch().body)["uid"] == pwd.getpwnam(server_account()[0]).pw_uid
    for name, mode in (("httpd.conf", 0o600), ("envvars", 0o600), ("handler.wsgi", 0o644), ("apachectl", 0o755)):
        info = (express.root / name).stat()
        assert (info.st_uid, info.st_mode & 0o777) == (0, mode), name


def test_two_servers_side_by_side(express, make_express):
    other = make_express()
    assert free_port() not in (express.port, other.port)
    one, two = express.start(express.apps / "hello.wsgi"), other.start(other.apps / "variables.wsgi")
    one.stop()
    assert two.fetch().status == 200


def test_on_a_terminal(express):
    """A change of the window's size, which httpd takes as an order to stop, stays away from it; Ctrl-C arrives."""
    master, slave = pty.openpty()
    command = express.command("start-server", *express.options(express.apps / "hello.wsgi"))
    with subprocess.Popen(command, env=express.env, cwd=express.directory, stdin=slave, stdout=slave, stderr=slave,
                          start_new_session=True) as process:  # fmt: skip
        os.close(slave)
        try:
            until(lambda: answers(express.port), "an answer")
            os.killpg(process.pid, signal.SIGWINCH)
            httpd = int(until((express.root / "httpd.pid").read_text, "the pid file"))
            assert httpd != process.pid
            assert answers(express.port)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(master)
    until(lambda: not answers(express.port), "its end")


def answers(port: int) -> bool:
    try:
        return fetch(port).status == 200
    except OSError:
        return False


def test_a_service_ends_with_the_script_that_wants_its_end(express):
    """A signal that arrives in the first of two scripts must not start the second."""
    marks = express.directory / "marks"
    marks.mkdir()
    marks.chmod(0o777)
    (express.apps / "first.py").write_text(f"open({str(marks / 'first')!r}, 'w').close()\nraise SystemExit\n")
    (express.apps / "second.py").write_text(f"open({str(marks / 'second')!r}, 'w').close()\n")
    target = "process-group=both application-group=%{GLOBAL}"
    (express.directory / "more.conf").write_text(
        "WSGIDaemonProcess both threads=0\n"
        f"WSGIImportScript {express.apps}/first.py {target}\n"
        f"WSGIImportScript {express.apps}/second.py {target}\n"
    )
    server = express.start(express.apps / "hello.wsgi", "--include-file", express.directory / "more.conf")
    first = marks / "first"
    for _ in range(2):  # the second time a successor has come, so the first process has ended
        until(first.exists, f"the first script\n{server.text()}")
        first.unlink()
    assert not (marks / "second").exists()
