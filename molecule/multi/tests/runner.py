# SPDX-License-Identifier: Apache-2.0
"""Runs a playbook once more on the hosts of the scenario, with other instances and variables."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any


def attempt(
    playbook: Path | str, *arguments: str, variables: dict[str, Any] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What it printed is all in stdout. It may fail."""
    with tempfile.NamedTemporaryFile("w+", suffix=".json") as extra:
        json.dump(variables or {}, extra)
        extra.flush()
        return subprocess.run(
            [
                *("ansible-playbook", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"]),
                *("--extra-vars", f"@{extra.name}", *arguments, str(playbook)),
            ],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def run(playbook: Path | str, *arguments: str, **variables: Any) -> str:
    done = attempt(playbook, *arguments, variables=variables)
    assert done.returncode == 0, done.stdout
    return done.stdout
