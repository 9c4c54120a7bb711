# SPDX-License-Identifier: Apache-2.0
"""The command as a user has it: mod_wsgi-express of the virtual environment that MOD_WSGI_VENV names."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import pytest
from harness import processes
from harness.client import ClosedError, Connection, Response
from harness.ports import free_port
from harness.server import server_account, wait_for_clients
from harness.waiting import until

APPS = Path(__file__).parent / "apps"
STOP_SECONDS = 30
REQUIREMENTS = (
    *("Django==4.2.16", "Flask==3.0.3", "WsgiDAV==4.3.3", "cheroot==10.0.1"),
    *("coverage>=7", "PasteDeploy==3.1.0", "setuptools<80"),  # PasteDeploy imports pkg_resources
)


def pytest_configure(config: pytest.Config) -> None:
    text = "effect(*options): sees what these options do, by a request, a file, a process or a limit that acts"
    config.addinivalue_line("markers", text)


@pytest.fixture(scope="session")
def venv() -> Path:
    named = os.environ.get("MOD_WSGI_VENV")
    if not named:
        pytest.fail("set MOD_WSGI_VENV to a virtual environment that mod_wsgi is installed in")
    if not Path(named, "bin", "mod_wsgi-express").is_file():
        pytest.fail(f"MOD_WSGI_VENV={named}: there is no bin/mod_wsgi-express in it")
    return Path(named)


@pytest.fixture(scope="session")
def packages(venv: Path) -> Iterator[Path]:
    """Real packages, in a directory of their own: the environment under test stays as it is."""
    with tempfile.TemporaryDirectory(prefix="wsgi-packages-") as name:
        os.chmod(name, 0o755)
        pip = [venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--target", name, *REQUIREMENTS], check=True, cwd="/")
        yield Path(name)


class Server:
    """A running start-server. `log` and `fetch` for the test; stop() ends exactly what it started."""

    def __init__(self, command: list[str], env: dict[str, str], cwd: Path, port: int, root: Path, mark: str) -> None:
        self.port, self.root, self.mark, self.cwd = port, root, mark, cwd
        self.output = cwd / f"output-{port}"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=env,
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, host: str = "127.0.0.1") -> None:
        def answers() -> bool:
            assert self.process.poll() is None, f"start-server ended:\n{self.text()}"
            try:
                Connection(self.port, host).close()
            except OSError:
                return False
            return True

        until(answers, f"a listener on port {self.port}:\n{self.text()}", 30)
        until(self.takes_signals, f"an httpd that can be told to stop:\n{self.text()}", 30)

    def takes_signals(self) -> bool:
        """httpd listens before it handles SIGTERM, which until then would kill it in the middle of its start."""
        conf = f"-f {self.root}/httpd.conf"
        own = processes.of_server(self.root, self.mark)
        return any(conf in found.title and processes.catches(found.pid, signal.SIGTERM) for found in own)

    def text(self) -> str:
        """All that the server said anywhere."""
        logs = sorted(path for path in self.root.glob("*log*") if path.is_file()) if self.root.is_dir() else []
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in [self.output, *logs])

    def fetch(
        self,
        path: str = "/",
        headers: Sequence[tuple[str, str]] = (),
        method: str = "GET",
        body: bytes | None = None,
        host: str = "127.0.0.1",
    ) -> Response:
        with Connection(self.port, host) as connection:
            connection.request(method, path, [*headers, ("Connection", "close")], body)
            try:
                return connection.response(method)
            except ClosedError:
                raise AssertionError(f"no response to {method} {path}:\n{self.text()}") from None

    def environ(self) -> dict[str, str]:
        """MOD_WSGI_* of the application process; needs apps/variables.wsgi."""
        response = self.fetch()
        assert response.status == 200, self.text()
        return json.loads(response.body)["os"]

    def children(self) -> list[int]:
        """Processes of httpd that serve connections."""
        found = processes.of_server(self.root, self.mark)
        command = next((one.title for one in found if one.pid == self.process.pid), "")
        return [one.pid for one in found if one.parent == self.process.pid and one.title == command]

    def daemons(self, group: str) -> list[int]:
        return [found.pid for found in processes.of_server(self.root, self.mark) if found.title == f"(wsgi:{group})"]

    def stop(self) -> None:
        if self.process.poll() is None:
            wait_for_clients(self.port)
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_SECONDS)

    def leftovers(self) -> list[str]:
        left = [f"process {found.pid} {found.title}" for found in processes.of_server(self.root, self.mark)]
        return left + [str(path) for path in self.root.rglob("*.sock")]


class Express:
    """Runs the command in a directory of its own, which other users may pass through."""

    def __init__(self, venv: Path) -> None:
        self.venv = venv
        self.directory = Path(tempfile.mkdtemp(prefix="wsgi-express-"))
        self.directory.chmod(0o755)
        self.apps = self.directory / "apps"
        shutil.copytree(APPS, self.apps, ignore=shutil.ignore_patterns("__pycache__"))
        self.root = self.directory / "root"
        self.port = free_port()
        self.mark = f"WSGI_TEST_MARK={uuid.uuid4().hex}"
        self.servers: list[Server] = []

    @property
    def account(self) -> list[str]:
        return ["--user", server_account()[0]] if os.geteuid() == 0 else []

    @property
    def env(self) -> dict[str, str]:
        key, _, value = self.mark.partition("=")
        clean = {name: text for name, text in os.environ.items() if not name.startswith(("MOD_WSGI_", "LC_", "LANG"))}
        return {**clean, key: value}

    def command(self, *words: object) -> list[str]:
        return [str(self.venv / "bin" / "mod_wsgi-express"), *map(str, words)]

    def run(self, *words: object, env: Mapping[str, str] = {}, **more: Any) -> subprocess.CompletedProcess[str]:
        """The bare command, with nothing added to its words."""
        more.setdefault("stdin", subprocess.DEVNULL) if "input" not in more else None
        return subprocess.run(
            self.command(*words),
            env={**self.env, **env},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **more,
        )

    def options(self, *words: object) -> list[object]:
        """What every test server needs, in front of the test's own words."""
        return ["--server-root", self.root, "--port", self.port, *self.account, *words]

    def setup(self, *words: object, **more: Any) -> subprocess.CompletedProcess[str]:
        done = self.run("setup-server", *self.options(*words), **more)
        assert done.returncode == 0, done.stderr
        return done

    def plan(self, *words: object, **more: Any) -> dict[str, Any]:
        done = self.run("plan", "--json", *self.options(*words), **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: object, code: int = 2, **more: Any) -> str:
        """The one line with which setup-server refuses; nothing may have been written."""
        done = self.run("setup-server", *self.options(*words), **more)
        assert done.returncode == code, done.stdout + done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        assert not self.root.exists()
        return done.stderr

    def certificate(self, name: str, host: str = "localhost") -> Path:
        """A self-signed certificate apps/<name>.crt with its key."""
        pair = [self.apps / f"{name}.{suffix}" for suffix in ("crt", "key")]
        request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={host}"]
        extra = ["-addext", f"subjectAltName=DNS:{host}", "-out", pair[0], "-keyout", pair[1]]
        subprocess.run([*request, *extra], check=True, capture_output=True)
        return pair[0]

    def rendered(self, *words: object) -> str:
        """httpd.conf as it would be; nothing is written."""
        files = self.plan(*words)["files"]
        return next(file["diff"] for file in files if file["path"].endswith("/httpd.conf"))

    def conf(self) -> str:
        return (self.root / "httpd.conf").read_text()

    def start(self, *words: object, env: Mapping[str, str] = {}, host: str = "127.0.0.1") -> Server:
        command = self.command("start-server", *self.options(*words))
        server = Server(command, {**self.env, **env}, self.directory, self.port, self.root, self.mark)
        self.servers.append(server)
        server.wait_ready(host)
        return server

    @staticmethod
    def service_sees(log: Path) -> list[dict[str, Any]]:
        """What apps/service.py told its log, one item for each process."""
        text = log.read_text() if log.exists() else ""
        return [json.loads(found) for found in re.findall(r"service sees (\{.*\})", text)]

    def dispose(self) -> None:
        left = []
        for server in self.servers:
            server.stop()
        for server in self.servers:
            try:
                until(lambda server=server: not server.leftovers(), "an end without leftovers", 20)  # type: ignore[misc]
            except AssertionError:
                left += [*server.leftovers(), server.text()]
        for found in processes.of_server(self.root, self.mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
        shutil.rmtree(self.directory)
        assert not left, "\n".join(left)


@pytest.fixture
def make_express(venv: Path) -> Iterator[Callable[[], Express]]:
    made: list[Express] = []

    def make() -> Express:
        made.append(Express(venv))
        return made[-1]

    yield make
    for one in made:
        one.dispose()


@pytest.fixture
def express(make_express: Callable[[], Express]) -> Express:
    return make_express()
