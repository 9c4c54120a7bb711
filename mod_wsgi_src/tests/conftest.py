# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from harness.server import Httpd

MODES = ("embedded", "daemon")

# In the background of a shell without job control these are ignored, and every server of a test would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(scope="session")
def module_path() -> Path:
    """The module under test."""
    if module := os.environ.get("MOD_WSGI_MODULE"):
        path = Path(module)
    elif venv := os.environ.get("MOD_WSGI_VENV"):
        command = [f"{venv}/bin/mod_wsgi-express", "module-location"]
        path = Path(subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip())
    else:
        pytest.fail(
            "which module? Set MOD_WSGI_VENV to a virtual environment that mod_wsgi is installed in, "
            "or MOD_WSGI_MODULE to a module file"
        )
    if not path.is_file():
        pytest.fail(f"there is no module at {path}")
    return path


SERVERS = pytest.StashKey[list[Httpd]]()  # those that a test made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failed test shows the log and the processes of its servers."""
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        given = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Httpd)]
        for server in [*item.stash.get(SERVERS, []), *given]:
            report.sections.append((f"httpd in {server.root}", server.describe()))  # type: ignore[attr-defined]
    return report


@pytest.fixture
def httpd(module_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Httpd]]:
    """Makes servers: httpd(config, ...) starts one. All are stopped, and must then have left nothing behind."""
    made = request.node.stash[SERVERS] = []

    def make(config: str = "", *, start: bool = True, env: dict[str, str] | None = None, **options: object) -> Httpd:
        server = Httpd(module_path)
        made.append(server)
        server.configure(config, **options)  # type: ignore[arg-type]
        if start:
            server.start(env)
        return server

    yield make
    errors = []
    for server in made:
        try:
            server.dispose()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture(params=MODES, scope="session")
def mode(request: pytest.FixtureRequest) -> str:
    """Where the application runs."""
    return str(request.param)


def in_mode(mode: str, options: str = "processes=1 threads=8") -> str:
    """The lines that send every request of a server to that mode."""
    if mode == "embedded":
        return "WSGIApplicationGroup %{GLOBAL}\n"
    return f"WSGIDaemonProcess app {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\n"


@pytest.fixture
def serve(httpd: Callable[..., Httpd], mode: str) -> Callable[..., Httpd]:
    """serve("app.py", config) starts a server with that application at /, in the mode of the test."""

    def start(app: str, config: str = "", *, daemon: str = "processes=1 threads=8", **options: object) -> Httpd:
        alias = f'WSGIScriptAlias / "{{apps}}/{app}"\n'
        return httpd(in_mode(mode, daemon) + alias + config, **options)

    return start
