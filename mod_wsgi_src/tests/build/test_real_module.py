# SPDX-License-Identifier: Apache-2.0
"""The module itself, not a stub: built once against the system's httpd, served by whichever httpd a venv has."""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from build_front import TREE, Front, Venv

APPLICATION = """\
def application(environ, start_response):
    import json, ssl, sys
    answer = {"apache": environ["apache.version"], "prefix": sys.prefix, "group": environ["mod_wsgi.process_group"]}
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
START_SECONDS = 60


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that the user of the daemons can enter, which pytest's own is not."""
    directory = Path(tempfile.mkdtemp(prefix="mod_wsgi-build-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def real(place: Path, plain_pip_of_the_server: Path, clean_environment: dict[str, str]) -> Front:
    environment = {**clean_environment, "PATH": os.environ.get("PATH", os.defpath), "MOD_WSGI_WERROR": "1"}
    if not any(shutil.which(name, path=environment["PATH"] + ":/usr/sbin") for name in ("apxs2", "apxs")):
        pytest.fail("the system's httpd has no development files: install apache2-dev (or what it is called here)")
    return Front(place, server_python(), plain_pip_of_the_server, environment)


def server_python() -> str:
    """A Python that the daemons' user can read: one below a private home is of no use here."""
    return os.environ.get("MOD_WSGI_TEST_PYTHON") or "/usr/bin/python3"


@pytest.fixture(scope="module")
def plain_pip_of_the_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("server-pip") / "venv"
    subprocess.run([server_python(), "-m", "venv", str(directory)], check=True)
    return next(directory.glob("lib/python*/site-packages"))


@pytest.fixture(scope="module")
def wheel(real: Front) -> Path:
    """The wheel, built without a warning in an environment that has no httpd of its own."""
    real.run(real.venv("builder").pip, "wheel", "-w", real.directory / "wheels", TREE)
    return next((real.directory / "wheels").glob("*.whl"))


def serve(real: Front, venv: Venv) -> dict[str, object]:
    """Answer of an application that mod_wsgi-express of an environment serves."""
    script = real.directory / "application.wsgi"
    script.write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    root = real.directory / f"server-{venv.root.name}"
    command = [venv.bin / "mod_wsgi-express", "start-server", script, "--host", "127.0.0.1", "--port", port]
    command += ["--server-root", root]
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        command += ["--user", nobody.pw_name, "--group", grp.getgrgid(nobody.pw_gid).gr_name]
    log = real.directory / f"{venv.root.name}.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            list(map(str, command)),
            cwd=real.directory,  # it becomes the application's, whose user may not enter a private checkout
            env=real.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        return fetch(f"http://127.0.0.1:{port}/", server, log)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(START_SECONDS)


def fetch(url: str, server: subprocess.Popen[bytes], log: Path) -> dict[str, object]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=START_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            pytest.fail(f"{error}\n{log.read_text()}")
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"no answer\n{log.read_text()}")


def located(real: Front, venv: Venv) -> dict[str, object]:
    return json.loads(real.run(venv.python, "-m", "mod_wsgi.express.httpd"))


def test_the_systems_httpd_loads_it(real: Front, wheel: Path) -> None:
    venv = real.venv("loads")
    real.run(venv.pip, "install", wheel)
    found = located(real, venv)
    mpm = "" if not found["mpms"] else 'LoadModule mpm_event_module "{}/mod_mpm_event.so"\n'
    configuration = real.directory / "loads.conf"
    configuration.write_text(
        mpm.format(found["modules_directory"])
        + f'LoadModule wsgi_module "{venv.packages}/mod_wsgi/server/{venv.facts()["module"]}"\n'
        + f'ServerRoot "{real.directory}"\nServerName localhost\nPidFile "{real.directory}/pid"\n'
        + f'ErrorLog "{real.directory}/error_log"\nListen 127.0.0.1:1\nWSGIPythonHome "{venv.root}"\n'
    )
    assert "Syntax OK" in real.run(found["executable"], "-t", "-f", configuration)


def test_one_wheel_two_httpds(real: Front, wheel: Path) -> None:
    """The environment with an httpd of its own runs on that one, the other on the system's."""
    httpd_wheel = os.environ.get("MOD_WSGI_HTTPD_WHEEL")
    if not httpd_wheel:
        pytest.skip("MOD_WSGI_HTTPD_WHEEL does not name a wheel of mod_wsgi-httpd")
    own, systems = real.venv("own"), real.venv("systems")
    real.run(own.pip, "install", httpd_wheel)
    for venv in (own, systems):
        real.run(venv.pip, "install", wheel)
        found = located(real, venv)
        answer = serve(real, venv)
        assert answer["prefix"] == str(venv.root)
        assert answer["group"]
        assert ".".join(map(str, answer["apache"])) == found["version"]  # type: ignore[call-overload]
        assert (found["executable"] == venv.own_httpd()) == (venv is own)
