# SPDX-License-Identifier: Apache-2.0
"""reload, stop, status and logs; readiness for service managers; containers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from harness import processes
from harness.load import Load
from harness.server import STOP_TIMEOUT, wait_for_clients
from harness.waiting import until

ROOT = os.geteuid() == 0
STEADY = "--disable-reloading"  # what serves changes by `reload` only
VERSION = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [b"%s"]
"""


@pytest.fixture
def script(express):
    path = express.apps / "versions.wsgi"
    path.write_text(VERSION % "one")
    return path


def operate(express, command, *words):
    return express.run(command, "--server-root", express.root, *words)


def state(express):
    done = operate(express, "status", "--json")
    return json.loads(done.stdout)


def is_ready(express):
    return state(express)["ready"]


def serve(express, *words):
    server = express.start(*words)
    until(lambda: is_ready(express), f"readiness\n{server.text()}")
    return server


def test_ten_reloads_under_load_lose_no_request(express, script):
    """H4, of express: 0 failed; each reload brings the new version before it returns."""
    server = serve(express, script, STEADY)
    with Load(server, "/", threads=2) as load:
        for number in range(10):
            script.write_text(VERSION % f"version {number}")
            done = operate(express, "reload")
            assert done.returncode == 0, done.stderr + server.text()
            assert server.fetch().body == f"version {number}".encode()
    assert not load.failed, load.failed
    assert load.answered > 20


def test_H8_a_broken_version_never_serves(express, script):
    server = serve(express, script, STEADY, "--processes", 2)
    before = {str(pid) for pid in server.daemons(f"localhost:{express.port}")}
    script.write_text("raise RuntimeError('broken at its start')\n")
    with Load(server, "/", threads=2) as load:
        done = operate(express, "reload")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "the new version does not load, the old one serves on" in done.stderr
    assert not load.failed
    assert set(load.bodies) == {b"one"}
    assert {server.fetch().get("X-Pid") for _ in range(5)} <= before
    assert "broken at its start" in (express.root / "error_log").read_text()
    script.write_text(VERSION % "two")  # the server tries again by itself, and the rest follows on the next reload
    done = operate(express, "reload")
    assert done.returncode == 0, done.stderr
    assert {server.fetch().body for _ in range(5)} == {b"two"}
    until(lambda: not before & set(map(str, server.daemons(f"localhost:{express.port}"))), "the end of the old ones")


def test_H8_a_broken_script_never_serves_though_changes_do(express, script):
    """Without --disable-reloading the next request brings a changed script, when it works."""
    server = serve(express, script, "--processes", 2)
    script.write_text("raise RuntimeError('broken at its start')\n")
    with Load(server, "/", threads=2) as load:
        done = operate(express, "reload")
        assert done.returncode == 1
        assert "the new version does not load, the old one serves on" in done.stderr
        script.write_text("raise RuntimeError('broken in another way')\n")
        until(lambda: (express.root / "error_log").read_text().count("another way") >= 2, "both processes have tried")
    assert not load.failed
    assert set(load.bodies) == {b"one"}
    script.write_text(VERSION % "two")
    assert {server.fetch().body for _ in range(5)} == {b"two"}


def test_H8_a_broken_module_never_serves(express):
    words = ["--application-type", "module", "--working-directory", express.apps, "--processes", 2]
    server = serve(express, "package.web", *words)
    before = server.fetch().body
    (express.apps / "package" / "web.py").write_text("raise RuntimeError('broken at its start')\n")
    done = operate(express, "reload")
    assert (done.returncode, "the old one serves on" in done.stderr) == (1, True)
    assert {server.fetch().body for _ in range(5)} == {before}


def test_what_is_not_python_changes_nothing(express, script):
    server = serve(express, script, STEADY)
    before = server.fetch().get("X-Pid")
    script.write_text("def application(:\n")
    done = operate(express, "reload")
    assert done.returncode == 1
    assert f"'{script}' line 1 is not Python" in done.stderr
    assert server.fetch().get("X-Pid") == before


def test_reload_restarts_services(express, script):
    words = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    serve(express, script, *words)
    until(lambda: express.service_sees(express.root / "tasks_log"), "the service")
    assert operate(express, "reload").returncode == 0
    until(lambda: len(express.service_sees(express.root / "tasks_log")) == 2, "another process of the service")


def test_reload_of_embedded_mode(express, script):
    server = express.start(script, "--embedded-mode")
    assert server.fetch().body == b"one"
    script.write_text(VERSION % "two and longer")
    assert operate(express, "reload").returncode == 0
    until(lambda: server.fetch().body == b"two and longer", "the new version")


def test_status_stop_and_logs(express, script):
    server = serve(express, script, "--processes", 2, "--access-log")
    server.fetch("/some-path")
    pid = int((express.root / "httpd.pid").read_text())
    done = operate(express, "status")
    assert done.returncode == 0
    assert f"running, pid {pid}, http://localhost:{express.port}/, ready" in done.stdout
    assert f'WSGIDaemonList "{express.root}/daemons.json"' in express.conf()
    found = state(express)
    [[first], [second]] = [seat["daemons"] for seat in found["groups"][f"localhost:{express.port}"]]
    assert {first["state"], second["state"]} == {"ready"}
    assert {first["pid"], second["pid"]} == set(server.daemons(f"localhost:{express.port}"))
    assert os.stat(express.root / "daemons.json").st_mode & 0o133 == 0
    until(lambda: "/some-path" in operate(express, "logs", "access").stdout, "the access log")
    assert operate(express, "logs", "access", "--lines", 0).stdout == ""
    assert "resuming normal operations" in operate(express, "logs").stdout
    done = operate(express, "logs", "other")
    assert (done.returncode, "choose one of access, error" in done.stderr) == (2, True)
    done = operate(express, "stop")
    assert (done.returncode, done.stdout) == (0, f"stopped, pid {pid}\n")
    assert server.process.wait(10) == 0
    assert not (express.root / "daemons.json").exists()
    assert operate(express, "stop").stdout == "not running\n"
    assert operate(express, "status").returncode == 3
    assert state(express)["running"] is False
    done = operate(express, "reload")
    assert (done.returncode, "no server runs" in done.stderr) == (1, True)


STOP_SECONDS = 0.5  # what an idle server takes at most
TRIES = 8  # on a machine that does something else; one must be in time


def test_an_idle_server_stops_at_once(express, script):
    """With all its daemons."""
    times = []
    while len(times) < TRIES and min(times, default=STOP_SECONDS + 1) > STOP_SECONDS:
        server = serve(express, script, "--processes", 2, "--server-status")
        server.fetch()
        wait_for_clients(express.port)
        everything = [found.pid for found in processes.of_server(express.root, express.mark)]
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOP_TIMEOUT) == 0
        until(lambda pids=everything: not any(map(processes.alive, pids)), "the end of all")
        times.append(time.monotonic() - begin)
    assert min(times) <= STOP_SECONDS, times


def test_wait_is_back_when_the_application_is_loaded(express, script):
    """As the method of a service manager that knows no readiness: apachectl start, then this."""
    go = express.directory / "go"
    script.write_text(
        f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\n" + VERSION % "x"
    )
    express.setup(script, STEADY)
    subprocess.run([express.root / "apachectl", "start"], check=True, env=express.env)
    try:
        done = operate(express, "wait", "--timeout", 0)
        assert (done.returncode, "does not serve after 0 seconds" in done.stderr) == (1, True)
        waiting = subprocess.Popen([express.root / "apachectl", "express", "wait"], env=express.env)
        go.touch()
        assert waiting.wait(30) == 0
        assert is_ready(express)
    finally:
        assert operate(express, "stop").returncode == 0
    done = operate(express, "wait", "--timeout", 0)
    assert (done.returncode, "no server runs" in done.stderr) == (1, True)


@pytest.mark.parametrize("words", [["--embedded-mode"], ["--application-type", "static"]], ids=["embedded", "static"])
def test_wait_without_daemons(express, script, words):
    express.setup(script.parent if "static" in words else script, *words)
    subprocess.run([express.root / "apachectl", "start"], check=True, env=express.env)
    try:
        done = operate(express, "wait")
        assert (done.returncode, done.stdout.startswith("serving, pid ")) == (0, True), done.stderr
    finally:
        assert operate(express, "stop").returncode == 0


def test_wait_ends_when_the_daemons_die_at_their_start(express, script):
    """Long before its time is over: a service manager wants to know."""
    script.write_text("import os\nos._exit(3)\n")
    express.setup(script, STEADY)
    subprocess.run([express.root / "apachectl", "start"], check=True, env=express.env)
    try:
        done = operate(express, "wait", "--timeout", 600)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert f"die at their start; see {express.root}/error_log" in done.stderr
    finally:
        assert operate(express, "stop").returncode == 0


def test_stop_is_back_when_all_is_gone(express, script):
    mail = express.directory / "mail.py"
    mail.write_text("import time\nwhile True:\n    time.sleep(60)\n")
    serve(express, script, "--processes", 2, "--service-script", "mail", mail)
    before = processes.of_server(express.root, express.mark)
    assert len([found for found in before if found.title.startswith("(wsgi:")]) == 3
    assert operate(express, "stop").returncode == 0
    assert processes.of_server(express.root, express.mark) == []


def test_logs_follow(express, script):
    server = serve(express, script, "--access-log")
    command = express.command("logs", "access", "--follow", "--server-root", express.root)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=express.env) as process:
        try:
            server.fetch("/first")
            lines = []
            reader = threading.Thread(target=lambda: lines.append(process.stdout.readline()))
            reader.start()
            reader.join(15)
            assert "/first" in lines[0]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_command_line_that_ps_cut(venv):
    """Solaris: 80 bytes of it, the file system of processes is another one. A long path is no server that is gone."""
    code = """
from mod_wsgi.express import processes
conf = "/opt/mod_wsgi/instances/a-rather-long-name-of-an-instance/httpd.conf"
line = f"/usr/apache2/2.4/bin/httpd -f {conf} -DFOREGROUND"
other = line.replace("rather", "reader")
processes._has_proc = lambda: False
print([processes.names(text, conf) for text in (line, line[:80], line[:79], other[:80], line[:60], other)])
processes._has_proc = lambda: True
print([processes.names(text, conf) for text in (line, line[:80])])
"""
    done = subprocess.run([venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.splitlines() == ["[True, True, True, False, False, False]", "[True, False]"]


def test_no_server_there(express):
    done = operate(express, "status")
    assert done.returncode == 2
    assert f"no server was set up in '{express.root}'" in done.stderr


@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_a_service_manager_is_told_when_it_is_ready(express, script, mode):
    """Not before the application is loaded."""
    go = express.directory / "go"
    if not mode:
        script.write_text(
            f"import os, time\nwhile not os.path.exists({str(go)!r}):\n    time.sleep(0.02)\n" + VERSION % "x"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(express.directory / "notify"))
        server = express.start(script, *mode, env={"NOTIFY_SOCKET": str(express.directory / "notify")})
        if not mode:
            channel.settimeout(0.5)
            with pytest.raises(TimeoutError):
                channel.recv(1000)
            go.touch()
        channel.settimeout(15)
        words = channel.recv(1000).decode().splitlines()
    assert words == ["READY=1", f"MAINPID={server.process.pid}", "STATUS=serving"]
    until(
        lambda: not [one for one in processes.of_server(express.root, express.mark) if "readiness" in one.title], "it"
    )


needs_namespaces = pytest.mark.skipif(
    not ROOT or subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], check=False).returncode != 0,
    reason="needs root and namespaces",
)


def started_by(express, prefix, *words):
    """start-server behind another command."""
    original = express.command
    express.command = lambda *more: [*prefix, *original(*more)]
    try:
        return express.start(*words)
    finally:
        express.command = original


@needs_namespaces
def test_H11_process_1_of_a_container(express, script):
    """It reaps what others leave, takes no harm from a change of the window's size, and ends at TERM."""
    script.write_text("import subprocess\nsubprocess.run(['sh', '-c', 'sleep 0.01 &'])\n" + VERSION % "x")
    server = started_by(express, ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"], script)
    assert server.fetch().body == b"x"
    child = int(subprocess.run(["pgrep", "-P", str(server.process.pid)], capture_output=True, text=True).stdout)

    def zombies() -> str:
        done = subprocess.run(["ps", "-e", "-o", "stat,args"], capture_output=True, text=True, check=True)
        return "\n".join(line for line in done.stdout.splitlines() if line.startswith("Z") and "sleep" in line)

    until(lambda: not zombies(), "reaping of the orphan")
    os.kill(child, signal.SIGTERM)
    assert server.process.wait(15) in (0, 128 + 15, -15)


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_an_arbitrary_user_without_a_name(express, script):
    home = express.directory / "home"
    home.mkdir()
    os.chown(home, 23456, 23456)
    express.root = home / "root"
    prefix = ["setpriv", "--reuid", "23456", "--regid", "23456", "--clear-groups"]
    express.__class__ = type("Nobody", (type(express),), {"account": []})
    server = started_by(express, prefix, script)
    assert server.fetch().body == b"one"


@needs_namespaces
def test_a_read_only_root_file_system(express, script):
    """All that is written is in the server root, here a file system in memory."""
    express.root.mkdir()
    shell = f'mount -t tmpfs -o mode=755 none {express.root} && mount -o remount,ro,bind / && exec "$@"'
    server = started_by(express, ["unshare", "--mount", "sh", "-c", shell, "sh"], script)
    assert server.fetch().body == b"one"
    with pytest.raises(OSError, match="Read-only"):
        Path(f"/proc/{server.process.pid}/root{express.directory}/new").touch()
