# SPDX-License-Identifier: Apache-2.0
"""ansible-playbook as a user calls it: from any directory, with nothing but what the door gives."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def bare_environment() -> dict[str, str]:
    """Nothing that names a collection, so that a door has to lead to its own copy."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that other users can enter, since daemons run as one: pytest's own is closed."""
    path = Path(tempfile.mkdtemp(prefix="mod_wsgi-site-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a playbook from / in a bare environment."""

    def run(playbook: str, *words: str, python: str = sys.executable, **more: str) -> subprocess.CompletedProcess:
        environment = {
            **bare_environment(),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
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


def extra(**variables: object) -> list[str]:
    """Arguments that set variables."""
    return [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
