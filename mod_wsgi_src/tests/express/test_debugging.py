# SPDX-License-Identifier: Apache-2.0
"""The debugging tools, each in a real run."""

from __future__ import annotations

import contextlib
import json
import os
import pstats
import pty
import re
import select
import shutil
import signal
import subprocess
import threading
import time

import pytest
from harness.client import ClosedError, Connection, fetch
from harness.server import server_account
from harness.waiting import until

ROOT = os.geteuid() == 0
# As root the tests run servers as a user of services.
INSIST = ["--allow-exposed-debugging"] if ROOT else []
EXPRESS = {"MOD_WSGI_EXPRESS": "true", "MOD_WSGI_SERVER_NAME": "127.0.0.1", "MOD_WSGI_SERVER_ALIASES": ""}


def words(express, *more):
    return [express.apps / "debugged.py", "--working-directory", express.apps, *INSIST, *more]


class Terminal:
    """start-server on a pseudo-terminal; somebody types at it."""

    def __init__(self, express, *more):
        self.express, self.text, self._seen = express, "", 0
        self.master, slave = pty.openpty()
        command = express.command("start-server", *express.options(*words(express, *more)))
        self.process = subprocess.Popen(
            command, env=express.env, cwd=express.directory, stdin=slave, stdout=slave, stderr=slave,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def expect(self, wanted: str) -> str:
        """Reads until `wanted` comes after what was expected before; returns what came in between."""
        end = time.monotonic() + 30
        while wanted not in self.text[self._seen :]:
            assert time.monotonic() < end, f"no {wanted!r} in:\n{self.text}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 4096).decode(errors="replace")
                except OSError:
                    raise AssertionError(f"it ended without {wanted!r}:\n{self.text}") from None
        begin, self._seen = self._seen, self.text.index(wanted, self._seen) + len(wanted)
        return self.text[begin : self._seen]

    def type(self, line: str) -> None:
        os.write(self.master, line.encode() + b"\n")

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGTERM)
        os.close(self.master)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


@pytest.fixture
def terminal(express):
    started = []

    def start(*more):
        started.append(Terminal(express, *more))
        return started[-1]

    yield start
    for one in started:
        one.end()


class Request(threading.Thread):
    """A request whose answer waits for the debugger."""

    def __init__(self, express, path):
        super().__init__(daemon=True)
        self.server, self.path, self.status = express, path, 0
        self.start()

    def run(self):
        self.status = fetch(self.server.port, self.path).status


def listens(express) -> bool:
    with contextlib.suppress(OSError):
        Connection(express.port).close()
        return True
    return False


@pytest.mark.effect("enable-debugger")
def test_pdb_after_an_exception(express, terminal):
    console = terminal("--enable-debugger")
    until(lambda: listens(express), "a listener")
    request = Request(express, "/error")
    console.expect("ValueError: not today 9")
    console.expect("(Pdb)")
    console.type("p secret")
    console.expect("'forty-two'")
    console.type("where")
    assert "debugged.py(" in console.expect("(Pdb)") + console.expect("(Pdb)")
    console.type("quit")
    request.join(15)
    assert request.status == 500
    after = Request(express, "/")
    after.join(15)
    assert after.status == 200


@pytest.mark.effect("debugger-startup")
def test_pdb_at_start_and_at_a_breakpoint(express, terminal):
    console = terminal("--enable-debugger", "--debugger-startup")
    console.expect("Set breakpoints")
    console.expect("(Pdb)")
    console.type(f"break {express.apps}/debugged.py:7")
    console.expect("Breakpoint 1")
    console.type("continue")
    until(lambda: listens(express), "a listener")
    request = Request(express, "/")
    console.expect("-> return number // 2")
    console.type("p number")
    console.expect("7")
    console.type("continue")
    request.join(15)
    assert request.status == 200


@pytest.mark.effect("debug-mode")
def test_breakpoint_in_the_application(express, terminal):
    script = express.apps / "debugged.py"
    script.write_text(
        script.read_text().replace('path = environ["PATH_INFO"]', 'path = environ["PATH_INFO"]; breakpoint()')
    )
    console = terminal("--debug-mode")
    until(lambda: listens(express), "a listener")
    request = Request(express, "/")
    console.expect("(Pdb)")
    console.type("p path")
    console.expect("'/'")
    console.type("continue")
    request.join(15)
    assert request.status == 200


def test_the_window_changes_its_size_and_control_c_ends(express, terminal):
    console = terminal("--debug-mode")
    until(lambda: listens(express), "a listener")
    os.killpg(console.process.pid, signal.SIGWINCH)
    request = Request(express, "/")
    request.join(15)
    assert request.status == 200
    os.killpg(console.process.pid, signal.SIGINT)
    assert console.process.wait(30) == 0


def stop(server) -> None:
    server.stop()
    until(lambda: not server.leftovers(), "its end")


def seen(express, *more):
    """MOD_WSGI_* of application and service with these options."""
    service = ["--service-script", "tasks", express.apps / "service.py", "--log-directory", express.directory / "logs"]
    script = express.apps / "variables.wsgi"
    server = express.start(script, *INSIST, *more, *service, "--service-log", "tasks", "tasks_log")
    found = until(lambda: express.service_sees(express.directory / "logs" / "tasks_log"), "the service")
    return server.environ(), found[0]["os"]


def test_the_tools_are_announced(express, packages):
    tools = ["--enable-debugger", "--enable-profiler", "--enable-recorder", "--enable-gdb", "--enable-coverage"]
    expected = {f"MOD_WSGI_{name}_ENABLED": "true" for name in ("DEBUGGER", "PROFILER", "RECORDER", "GDB", "COVERAGE")}
    for found in seen(express, *tools, "--python-path", packages):
        assert found == {**EXPRESS, **expected, "MOD_WSGI_DEBUG_MODE": "true"}


def test_debug_mode_is_announced_alone(express):
    for found in seen(express, "--debug-mode", "--threads", "9", "--reload-on-changes"):
        assert found == {**EXPRESS, "MOD_WSGI_DEBUG_MODE": "true"}


def test_options_without_effect_are_noted(express):
    done = express.setup(*words(express, "--debug-mode", "--threads", "9", "--reload-on-changes"))
    assert "note: --reload-on-changes, --threads: no effect while debugging" in done.stderr
    assert "WSGIDaemonProcess" not in express.conf()


@pytest.mark.effect("enable-coverage", "coverage-directory")
def test_coverage_counts_lines(express, packages):
    report = express.directory / "report"
    server = express.start(
        *words(express, "--enable-coverage", "--coverage-directory", report, "--python-path", packages)
    )
    assert server.fetch("/").status == 200
    assert server.fetch("/error").status == 500
    stop(server)
    [page] = report.glob("*debugged_py.html")
    counts = {
        word: int(number)
        for number, word in re.findall(r">(\d+)<span class=\"text\"> (run|missing)<", page.read_text())
    }
    # Not run: the other half, the three lines of the generator, the crash, and the return of lines().
    assert counts == {"run": 15, "missing": 6}


@pytest.mark.effect("enable-profiler")
def test_profile_is_readable(express):
    server = express.start(*words(express, "--enable-profiler"))
    for path in ("/", "/lines"):
        server.fetch(path)
    stop(server)
    reports = list((express.root / "pstats").glob("*.txt"))
    assert len(reports) == 1, f"exit {server.process.returncode}\n{server.text()}"
    report = reports[0]
    text = report.read_text()
    assert re.search(r"^ +2 .*debugged.py:\d+\(application\)", text, re.MULTILINE), text
    assert re.search(r"^ +1 .*debugged.py:\d+\(half\)", text, re.MULTILINE), text
    assert re.search(r"^ +3 .*debugged.py:\d+\(lines\)", text, re.MULTILINE), text
    figures = pstats.Stats(str(report.with_suffix(".pstats")))
    assert any(name == "half" for _, _, name in figures.stats)


@pytest.mark.effect("enable-recorder")
def test_a_recorded_request_replays_to_the_same_response(express):
    server = express.start(*words(express, "--enable-recorder"))
    headers = [("Content-Length", "6"), ("X-Some", "value")]
    assert server.fetch("/a%20b?x=1", headers, "POST", b"abcdef").body == b"half 3 abc"
    assert server.fetch("/error").status == 500
    server.fetch("/lines")
    archive = express.root / "archive"
    assert archive.stat().st_mode & 0o777 == 0o700
    first, second, third = sorted(archive.glob("*.iheaders"))
    assert first.with_suffix(".icontent").read_bytes() == b"abcdef"
    assert json.loads(first.with_suffix(".oheaders").read_text())["status"] == "200 OK"
    assert first.with_suffix(".ocontent").read_bytes() == b"half 3 abc"
    assert "ValueError: not today" in second.with_suffix(".oaexcept").read_text()
    assert "while iterating" in third.with_suffix(".orexcept").read_text()
    assert third.with_suffix(".ocontent").read_bytes() == b"one two"
    kept = express.directory / "kept"
    kept.mkdir()
    for path in [*archive.glob(f"{first.stem}.*"), *archive.glob(f"{second.stem}.*")]:
        shutil.copy(path, kept)
    done = express.run("replay", kept)
    assert (done.returncode, done.stdout) == (
        0,
        "POST /a%20b?x=1 200 OK: the same\nGET /error 500 Internal Server Error: the same\n",
    )
    script = express.apps / "debugged.py"
    stop(server)
    script.write_text(script.read_text().replace("half ", "Half "))
    express.start(*words(express, "--debug-mode"))
    done = express.run("replay", kept / first.name, "--url", f"http://127.0.0.1:{express.port}")
    assert done.returncode == 1
    assert "body of 10 instead of 10 bytes, other from byte 0 on" in done.stdout
    assert "has no records" in express.run("replay", express.apps).stderr


@pytest.mark.effect("enable-gdb")
@pytest.mark.skipif(not shutil.which("gdb"), reason="needs gdb")
def test_gdb_prints_the_crashing_line(express):
    server = express.start(*words(express, "--enable-gdb"))
    assert server.fetch("/").status == 200
    with pytest.raises(ClosedError):
        fetch(express.port, "/crash")
    server.process.wait(30)
    line = 1 + (express.apps / "debugged.py").read_text().splitlines().index(
        "        ctypes.string_at(0)  # the crashing line"
    )
    text = server.text()
    assert "Stack of C:" in text
    assert f'debugged.py", line {line} in application' in text


@pytest.mark.effect("gdb-executable")
@pytest.mark.skipif(not shutil.which("gdb"), reason="needs gdb")
def test_a_server_in_gdb_stops_as_any_other(express):
    program = express.directory / "own-gdb"
    program.write_text(f'#!/bin/sh\n: >{express.directory}/own-gdb-ran\nexec gdb "$@"\n')
    program.chmod(0o755)
    server = express.start(*words(express, "--enable-gdb", "--gdb-executable", program))
    assert server.fetch("/").status == 200
    assert (express.directory / "own-gdb-ran").exists()
    stop(server)
    assert "Stack of" not in server.text()


@pytest.mark.parametrize(
    ("tool", "host"),
    [
        ("--debug-mode", "0.0.0.0"),
        ("--enable-debugger", "::"),
        ("--enable-profiler", "example.com"),
        ("--enable-recorder", "::"),
        ("--enable-gdb", "0.0.0.0"),
    ],
)
def test_other_machines_must_be_insisted_on(express, tool, host):
    assert f"--host: '{host}' can be reached from" in express.refused(
        express.apps / "debugged.py", tool, "--host", host
    )


@pytest.mark.effect("allow-exposed-debugging")
def test_one_can_insist(express):
    express.setup(*words(express, "--enable-debugger", "--allow-exposed-debugging", "--host", "0.0.0.0"))
    assert f"Listen 0.0.0.0:{express.port}" in express.conf()


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_a_service_user_must_be_insisted_on(express):
    line = express.refused(express.apps / "debugged.py", "--enable-debugger")
    assert f"--user: {server_account()[0]!r} is the user of a service" in line


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--debugger-startup"], "--debugger-startup: has no effect without --enable-debugger"),
        (["--recorder-directory", "/x"], "--recorder-directory: has no effect without --enable-recorder"),
        (["--allow-exposed-debugging"], "nothing is debugged"),
        (["--enable-gdb", "--gdb-executable", "{D}/hello.wsgi"], "there is no gdb"),
    ],
)
def test_wrong_words(express, more, expected):
    line = express.refused(express.apps / "debugged.py", *[word.format(D=express.apps) for word in more])
    assert expected in line
    assert "--debug-mode: there is no application" in express.refused("--application-type", "static", "--debug-mode")
