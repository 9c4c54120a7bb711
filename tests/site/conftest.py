# SPDX-License-Identifier: Apache-2.0
"""ansible-playbook as a user calls it: from any directory, with nothing but what the door gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


def bare_environment(home: Path) -> dict[str, str]:
    """Nothing that names a collection, here or in the user's ~/.ansible, so that a door has to lead to its own copy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {**kept, "ANSIBLE_HOME": str(home / "ansible")}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that other users can enter, since daemons run as one: pytest's own is closed."""
    path = Path(tempfile.mkdtemp(prefix="mod_wsgi-site-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a playbook from / in a bare environment."""

    def run(playbook: str, *words: str, python: str = sys.executable, **more: str) -> subprocess.CompletedProcess:
        environment = {
            **bare_environment(tmp_path),
            "ANSIBLE_NOCOLOR": "1",
            **more,
        }
        return subprocess.run(
            [python, "-m", "ansible", "playbook", playbook, *words],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@dataclass(frozen=True)
class Door:
    """A way to the collection: how its playbooks are called, and where the copy lies that must run."""

    copy: Path
    playbooks: dict[str, str]
    python: str = sys.executable
    environment: dict[str, str] = field(default_factory=dict)


NAMED = {name: f"modwsgi.toolkit.{name}" for name in ("site", "stop", "status", "uninstall")}


@pytest.fixture(scope="session")
def checkout_door(checkout: Path) -> Door:
    return Door(
        copy=checkout / "collections/ansible_collections/modwsgi/toolkit",
        playbooks={name: str(checkout / f"{name}.yml") for name in ("site", "stop")},
    )


@pytest.fixture(scope="session")
def collection_door(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """`ansible-galaxy collection install` of the checkout into an empty directory."""
    place = tmp_path_factory.mktemp("door")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "galaxy",
            "collection",
            "install",
            str(checkout),
            "-p",
            str(place / "galaxy"),
        ],
        cwd="/",
        env=bare_environment(place),
        check=True,
        capture_output=True,
    )
    return Door(
        copy=place / "galaxy/ansible_collections/modwsgi/toolkit",
        playbooks=NAMED,
        environment={"ANSIBLE_COLLECTIONS_PATH": str(place / "galaxy")},
    )


@pytest.fixture(scope="session")
def wheel_door(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Door:
    """The controller package in a virtual environment of its own, with what pip gives it."""
    home = tmp_path_factory.mktemp("door") / "venv"
    venv.create(home, with_pip=True)
    python = str(home / "bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(checkout)], cwd="/", check=True)
    purelib = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return Door(copy=Path(purelib, "ansible_collections/modwsgi/toolkit"), playbooks=NAMED, python=python)


@pytest.fixture(params=["checkout", "collection", "wheel"])
def door(request: pytest.FixtureRequest) -> Door:
    return request.getfixturevalue(f"{request.param}_door")


def extra(**variables: object) -> list[str]:
    """Arguments that set variables."""
    return [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
