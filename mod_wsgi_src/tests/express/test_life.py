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
from harness import processes
from harness.client import fetch
from harness.ports import free_port
from harness.server import server_account
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


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_embedded_processes_cannot_tell_a_server_of_root(express):
    line = express.refused(express.apps / "hello.wsgi", "--embedded-mode", "--reload-on-changes")
    assert "--reload-on-changes: with --embedded-mode" in line


def test_embedded_processes_are_replaced_too(express):
    """By a graceful restart, which the process of the application asks for: server and application have one user."""
    prefix = []
    if ROOT:
        home = express.directory / "home"
        home.mkdir()
        os.chown(home, 23456, 23456)
        express.root = home / "root"
        prefix = ["setpriv", "--reuid", "23456", "--regid", "23456", "--clear-groups"]
        express.__class__ = type("Nobody", (type(express),), {"account": []})
    original = express.command
    express.command = lambda *words: [*prefix, *original(*words)]
    words = ["--application-type", "module", "--working-directory", express.apps, "--embedded-mode"]
    server = express.start("package.web", *words, "--reload-on-changes")
    assert server.fetch().body == b"first"
    module = express.apps / "package" / "web.py"
    module.write_text(module.read_text().replace("first", "second"))
    until(lambda: server.fetch().body == b"second", f"the changed module\n{server.text()}")


RELOADER = """
import os, signal, sys, time
from mod_wsgi.express import inotify, reloader
polling, name = sys.argv[1] == "polling", sys.argv[2]
if polling:
    def none(): raise OSError("none here")
    reloader.Notifier = none
looks = []
class Watch(reloader.Watch):
    def changed(self, everything=True):
        looks.append(everything)
        return super().changed(everything)
reloader.Watch = Watch
reloader.INTERVAL = 0.05
told = []
signal.signal(signal.SIGUSR1, lambda *_: told.append(1))
reloader.start(lambda: [name])
end = time.monotonic() + 20
while len(looks) < 5 and time.monotonic() < end: time.sleep(0.01)
quiet = sum(looks[2:])  # one look before the directory is watched, one after
with open(name, "a") as stream: stream.write("# changed")
os.utime(name, (1, 1))
while not told and time.monotonic() < end: time.sleep(0.01)
print(bool(told), quiet)
"""


@pytest.mark.parametrize("way", ["inotify", "polling"])
def test_the_reloader_looks_only_when_something_happened(express, way):
    """With inotify unchanged files are never asked for their time; without it they are, again and again."""
    name = express.apps / "hello.wsgi"
    command = [express.venv / "bin" / "python", "-c", RELOADER, way, name]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    told, quiet = done.stdout.split()
    assert told == "True", done.stderr
    assert int(quiet) == 0 if way == "inotify" else int(quiet) > 0


@pytest.mark.effect("reload-on-changes")
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


@pytest.mark.effect("disable-reloading")
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


def service(express, method, *words):
    """As SMF calls a method: an environment of its own, nothing on standard input."""
    env = {
        "PATH": "/usr/sbin:/usr/bin",
        "SMF_FMRI": "svc:/application/mod_wsgi:test",
        **dict([express.mark.split("=")]),
    }
    command = [express.root / "apachectl", "service", method, *map(str, words)]
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_apachectl_service_is_back_with_the_outcome(express):
    express.setup(express.apps / "variables.wsgi")
    done = service(express, "start")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(fetch(express.port).body)["os"]
        assert [name for name in told if name.startswith("SMF_")] == []
        assert service(express, "start").returncode == 0  # it runs already
        pid = (express.root / "httpd.pid").read_text()
        assert service(express, "refresh").returncode == 0
        conf = express.root / "httpd.conf"
        good = conf.read_text()
        conf.write_text(good + "Nonsense\n")
        done = service(express, "refresh")
        assert (done.returncode, "goes on as it was" in done.stderr) == (0, True)
        assert (express.root / "httpd.pid").read_text() == pid
    finally:
        assert service(express, "stop", 30).returncode == 0
    assert processes.of_server(express.root, express.mark) == []
    assert service(express, "stop").returncode == 0
    done = service(express, "start")  # with the nonsense
    assert (done.returncode, "Nonsense" in done.stderr) == (96, True)
    conf.write_text(good)
    assert service(express, "other").returncode == 95


def test_apachectl_service_leaves_nothing_of_a_start_that_failed(express):
    script = express.apps / "dies.wsgi"
    script.write_text("import os\nos._exit(3)\n")
    express.setup(script)
    done = service(express, "start", 60)
    assert (done.returncode, "die at their start" in done.stderr) == (1, True)
    assert processes.of_server(express.root, express.mark) == []


def test_the_scripts_are_those_of_any_posix_shell(express):
    """/sbin/sh is ksh93 on Solaris, dash on Debian."""
    rotation = ("--rotate-logs", "--rotatelogs-executable", "/bin/true", "--keep-logs", 3)
    express.setup(express.apps / "hello.wsgi", "--startup-log", *rotation)
    for name in ("apachectl", "prune-logs"):
        for command in (["dash", "-n"], ["ksh93", "-n"], ["checkbashisms", "--posix"]):
            done = subprocess.run([*command, express.root / name], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stdout + done.stderr) == (0, ""), (name, command)


def test_a_service_manager_can_stop_it_by_the_pid_it_started(express):
    """start-server becomes httpd itself: no process in between that could die alone."""
    server = express.start(express.apps / "hello.wsgi")
    assert until((express.root / "httpd.pid").exists, "the pid file")
    assert int((express.root / "httpd.pid").read_text()) == server.process.pid
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


@pytest.mark.effect("server-mpm")
def test_prefork_and_worker(express):
    for mpm in ("prefork", "worker"):
        server = express.start(express.apps / "hello.wsgi", "--server-mpm", mpm)
        assert server.fetch("/x").body == b"app '' '/x'"
        for pid in server.children():
            assert (len(os.listdir(f"/proc/{pid}/task")) == 1) == (mpm == "prefork")
        server.stop()


@pytest.mark.effect("user", "server-root")
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


@pytest.mark.effect("include-file")
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
