# SPDX-License-Identifier: Apache-2.0
"""A real httpd with a generated configuration, in a directory of its own, on a free loopback port."""

from __future__ import annotations

import functools
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import processes
from .client import Connection, Response, fetch
from .ports import free_port
from .waiting import until

STOP_TIMEOUT = 20.0
APPS = Path(__file__).resolve().parents[1] / "functional" / "apps"
MODULES = [
    *(
        "auth_digest",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_host",
        "authz_user",
        "auth_basic",
        "access_compat",
    ),
    *("actions", "alias", "deflate", "dir", "env", "filter", "headers", "include", "mime", "rewrite", "setenvif"),
]
CRASH = re.compile(r"AddressSanitizer|runtime error:|exit signal (?:Segmentation|Aborted|Bus)|AH00052|AH00060")


@functools.cache
def apxs(key: str) -> str:
    tool = os.environ.get("APXS") or shutil.which("apxs2") or shutil.which("apxs")
    if not tool:
        raise RuntimeError("no apxs found: install apache2-dev (Debian), httpd-devel (Fedora), or set APXS")
    return subprocess.run([tool, "-q", key], check=True, capture_output=True, text=True).stdout.strip()


@functools.cache
def httpd_release() -> str:
    """Such as "2.4.68"."""
    program = f"{apxs('SBINDIR')}/{apxs('PROGNAME')}"
    said = subprocess.run([program, "-v"], check=True, capture_output=True, text=True).stdout
    match = re.search(r"Apache/(\S+)", said)
    assert match, said
    return match[1]


def server_account() -> tuple[str, str]:
    """The user and group that a server started as root gives its children."""
    for user in ("www-data", "apache", "http", "webservd", "nobody"):
        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            continue
        return user, grp.getgrgid(entry.pw_gid).gr_name
    raise RuntimeError("none of the usual accounts for a web server exists here")


def wait_for_clients(port: int) -> None:
    """Waits for a server's connections to be over. The event MPM, told to stop at once, looks at the sockets of its
    workers while they may be freeing them, and crashes now and then: nothing of ours, so it is kept out of the way."""
    open_states = {"01", "04", "05", "08", "09", "0B"}
    end = time.monotonic() + 2.0
    while open_states & set(processes.tcp_states(port)) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)


class Httpd:
    """One server. configure() once, then start() and stop(), or check() for its syntax only."""

    def __init__(self, module: Path) -> None:
        self.module = module
        self.root = Path(tempfile.mkdtemp(prefix="wsgi-"))
        self.root.chmod(0o755)  # children run as another user
        self.mark = f"WSGI_TEST_MARK={uuid.uuid4().hex}"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.crash_expected = False
        for name in ("logs", "run", "apps", "data"):
            (self.root / name).mkdir()
        (self.root / "data").chmod(0o777)  # where applications leave things for the test
        shutil.copytree(APPS, self.apps, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    # --- configuration ---

    @property
    def apps(self) -> Path:
        return self.root / "apps"

    @property
    def data(self) -> Path:
        return self.root / "data"

    def app(self, name: str, text: str) -> Path:
        """A script written by the test, replaced in one step."""
        path = self.apps / name
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)
        return path

    def configure(self, config: str, *, mpm: str = "event", children: int = 1, threads: int = 16) -> None:
        """`config` is httpd's language; {root}, {apps}, {data} and {port} in it are replaced."""
        libexec = Path(apxs("LIBEXECDIR"))
        lines = [f'ServerRoot "{self.root}"', "PidFile run/httpd.pid", "DefaultRuntimeDir run"]
        lines += [f"LoadModule mpm_{mpm}_module {libexec}/mod_mpm_{mpm}.so"]
        for name in MODULES:
            if (libexec / f"mod_{name}.so").exists():  # else it is compiled in
                lines.append(f"LoadModule {name}_module {libexec}/mod_{name}.so")
        lines.append(f'LoadModule wsgi_module "{self.module}"')
        if os.geteuid() == 0:
            user, group = server_account()
            lines += [f"User {user}", f"Group {group}"]
        lines += [f"Listen 127.0.0.1:{self.port}", "ServerName localhost", "UseCanonicalName Off"]
        lines += ["ErrorLog logs/error.log", "LogLevel info", "Timeout 20", "KeepAliveTimeout 5"]
        if mpm == "prefork":
            lines += [f"ServerLimit {children}", f"StartServers {children}", f"MaxRequestWorkers {children}"]
        else:
            # Slots beyond the children: at a graceful restart the old ones finish in theirs.
            lines += [f"ServerLimit {children + 4}", f"StartServers {children}", f"ThreadsPerChild {threads}"]
            lines += [f"MaxRequestWorkers {children * threads}", f"MinSpareThreads {threads}"]
            lines += [f"MaxSpareThreads {children * threads}"]
        lines += ["TypesConfig /dev/null", "<Directory />", "Require all granted", "AllowOverride None", "</Directory>"]
        for name, value in self.places().items():
            config = config.replace("{" + name + "}", value)
        self.conf.write_text("\n".join(lines) + "\n" + config + "\n")

    def places(self) -> dict[str, str]:
        return {"root": str(self.root), "apps": str(self.apps), "data": str(self.data), "port": str(self.port)}

    @property
    def conf(self) -> Path:
        return self.root / "httpd.conf"

    def command(self, *arguments: str) -> list[str]:
        return [f"{apxs('SBINDIR')}/{apxs('PROGNAME')}", "-f", str(self.conf), *arguments]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        key, _, value = self.mark.partition("=")
        environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), key: value, **(env or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "PYTHONMALLOC"):
            if name in os.environ:
                environment.setdefault(name, os.environ[name])
        if sanitizer := os.environ.get("MOD_WSGI_TEST_PRELOAD"):
            environment["LD_PRELOAD"] = " ".join(filter(None, [sanitizer, environment.get("LD_PRELOAD")]))
        return environment

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Runs httpd to its end, which should be soon. Its exit code and what it said."""
        result = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=60, env=self.environment(env)
        )
        return result.returncode, result.stdout + result.stderr + self.log()

    def check(self) -> tuple[int, str]:
        """Exit code and output of the syntax test."""
        return self.run("-t")

    # --- life ---

    def start(self, env: Mapping[str, str] | None = None) -> None:
        with open(self.root / "logs" / "stderr.log", "ab") as stderr:
            self.process = subprocess.Popen(
                self.command("-DFOREGROUND"),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                env=self.environment(env),
                start_new_session=True,  # the prefork MPM signals its whole process group
            )
        until(self._answers, "httpd accepts connections", 30.0)
        self.wait_log("resuming normal operations", timeout=30.0)  # before that it does not listen to signals

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"httpd ended with {self.process.returncode}:\n{self.log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def send_signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def graceful(self) -> None:
        """Restarts as on `apachectl graceful` and waits until the new generation is told of in the log."""
        mark = len(self.log())
        self.send_signal(signal.SIGUSR1)
        self.wait_log("resuming normal operations", since=mark)

    def stop(self, number: int = signal.SIGTERM, settle: bool = True) -> None:
        """Ends the server and requires that nothing is left of it: no process, no socket, no crash in the log."""
        if self.process is None:
            return
        process, self.process = self.process, None
        if settle:
            wait_for_clients(self.port)
        process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT)
            hung = False
        except subprocess.TimeoutExpired:
            hung = True
        try:
            assert not hung, f"httpd did not stop within {STOP_TIMEOUT:g} s:\n{self.log()[-4000:]}"
            until(lambda: not self.processes(), f"left over: {self.processes()}", 10.0)
            left = sorted(p.name for p in (self.root / "run").iterdir())
            assert not [n for n in left if "wsgi" in n], f"left in the runtime directory: {left}"
            crash = CRASH.search(self.log())
            assert self.crash_expected or not crash, f"crashed:\n{self.log()[-6000:]}"
        finally:
            self._kill_rest()
            process.wait()

    def _kill_rest(self) -> None:
        for process in self.processes():
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def dispose(self) -> None:
        try:
            self.stop()
        finally:
            self._kill_rest()
            shutil.rmtree(self.root, ignore_errors=True)

    # --- looking inside ---

    def processes(self) -> list[processes.Process]:
        return processes.of_server(self.root, self.mark)

    def managers(self) -> list[processes.Process]:
        """Processes between httpd and its daemons: each leads a session of its own."""
        return [p for p in self.processes() if p.session == p.pid and (not self.process or p.pid != self.process.pid)]

    def daemons(self) -> list[processes.Process]:
        managers = {p.pid for p in self.managers()}
        return [p for p in self.processes() if p.parent in managers]

    def daemon_pids(self) -> set[int]:
        return {p.pid for p in self.daemons()}

    def log(self) -> str:
        text = ""
        for name in ("stderr.log", "error.log"):
            path = self.root / "logs" / name
            if path.exists():
                text += path.read_text(errors="replace")
        return text

    def describe(self) -> str:
        """For a test that failed: who is there, and the end of the log."""
        return "\n".join([*map(str, self.processes()), *self.log().splitlines()[-60:]])

    def wait_log(self, pattern: str, since: int = 0, timeout: float = 15.0) -> re.Match[str]:
        """Waits until the log matches, looking only at what came after `since` characters (len(log()) earlier)."""
        return until(
            lambda: re.search(pattern, self.log()[since:]), f"the log has {pattern!r}:\n{self.log()[since:]}", timeout
        )

    def error_lines(self, since: int = 0) -> list[str]:
        """What our module said at level error and above; tracebacks and stacks follow such a line and have no code."""
        lines = self.log()[since:].splitlines()
        return [line for line in lines if re.search(r"\[wsgi:(?:error|crit|alert|emerg)\].* MWS\d+:", line)]

    # --- requests ---

    def get(self, path: str = "/", headers: object = (), **options: object) -> Response:
        return fetch(self.port, path, headers, **options)  # type: ignore[arg-type]

    def around(self, path: str = "/") -> dict[str, Any]:
        """What apps/environment.py, which is served there, tells of its process."""
        response = self.get(path)
        assert response.status == 200, self.log()[-3000:]
        return json.loads(response.body)["process"]

    def connect(self) -> Connection:
        return Connection(self.port)
