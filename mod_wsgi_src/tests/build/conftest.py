# SPDX-License-Identifier: Apache-2.0
"""What the tests of the build share: a source tree whose module is a stub, so that a build takes a second, a fake httpd
that pip can install, a fake httpd of the system, and virtual environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import build_fakes
import pytest
from build_front import TREE, Front

for entry in (TREE, TREE / "backend"):
    if str(entry) not in sys.path:
        sys.path.insert(0, str(entry))

_SHARED = "import sysconfig as s; raise SystemExit(not s.get_config_var('Py_ENABLE_SHARED'))"
# What of the caller's surroundings would change the outcome of a build.
_CLEARED = (
    "APXS",
    "CC",
    "CFLAGS",
    "LDFLAGS",
    "HTTPD",
    "LD_LIBRARY_PATH",
    "MOD_WSGI_HTTPD",
    "MOD_WSGI_WERROR",
    "PYTHONPATH",
    "VIRTUAL_ENV",
)


@pytest.fixture(scope="session")
def base_python() -> str:
    """A Python that is no virtual environment and has a shared libpython; MOD_WSGI_BUILD_PYTHON names another one."""
    own = getattr(sys, "_base_executable", sys.executable)
    for python in filter(
        None, (os.environ.get("MOD_WSGI_BUILD_PYTHON"), own, shutil.which("python3", path="/usr/bin"))
    ):
        if subprocess.run([python, "-c", _SHARED], check=False).returncode == 0:
            return python
    pytest.fail("no Python with a shared libpython: set MOD_WSGI_BUILD_PYTHON to one")


@pytest.fixture(scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of every front end: no cache but one of the session, no index, the fake system httpd in PATH."""
    cache = tmp_path_factory.mktemp("cache")
    environment = {name: value for name, value in os.environ.items() if name not in _CLEARED}
    environment.update(PIP_CACHE_DIR=str(cache / "pip"), UV_CACHE_DIR=str(cache / "uv"))
    environment.update(PIP_NO_INDEX="1", UV_OFFLINE="1", UV_NO_CONFIG="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    system = build_fakes.system_httpd(tmp_path_factory.mktemp("system"))
    environment["PATH"] = os.pathsep.join((str(system / "bin"), environment.get("PATH", os.defpath)))
    return environment


@pytest.fixture(scope="session")
def tools(base_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin directory of an environment with uv, build and the newest pip, from the index."""
    directory = tmp_path_factory.mktemp("tools") / "venv"
    subprocess.run([base_python, "-m", "venv", str(directory)], check=True)
    subprocess.run([directory / "bin/pip", "install", "-q", "--upgrade", "pip", "uv", "build"], check=True)
    return directory / "bin"


@pytest.fixture(scope="session")
def plain_pip(base_python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """site-packages with the pip that Python brings along."""
    directory = tmp_path_factory.mktemp("plain") / "venv"
    subprocess.run([base_python, "-m", "venv", str(directory)], check=True)
    return next(directory.glob("lib/python*/site-packages"))


@pytest.fixture(scope="session")
def stub_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_fakes.stub_tree(TREE, tmp_path_factory.mktemp("source") / "mod_wsgi_src")


@pytest.fixture(scope="session")
def stub_wheel(
    stub_tree: Path,
    base_python: str,
    plain_pip: Path,
    clean_environment: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The stub as a wheel, built against the fake httpd of the system."""
    front = Front(tmp_path_factory.mktemp("stub"), base_python, plain_pip, clean_environment)
    front.run(front.venv().pip, "wheel", "-w", front.directory, stub_tree)
    return next(front.directory.glob("*.whl"))


@pytest.fixture(scope="session")
def httpd_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for --find-links that holds the fake of mod_wsgi-httpd."""
    directory = tmp_path_factory.mktemp("httpd-wheels")
    build_fakes.httpd_wheel(directory, build_fakes.BUNDLED)
    return directory


@pytest.fixture
def front(tmp_path: Path, base_python: str, plain_pip: Path, clean_environment: dict[str, str]) -> Front:
    return Front(tmp_path, base_python, plain_pip, clean_environment)
