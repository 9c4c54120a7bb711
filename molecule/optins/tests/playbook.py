# SPDX-License-Identifier: Apache-2.0
"""Runs the playbooks of the scenario once more, with other instances and variables."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).resolve().parents[1]
INSTANCES: dict[str, dict[str, Any]] = {
    "shop": {"port": 8081},
    "blog": {"port": 8082},
    "wiki": {"port": 8084, "host": "127.0.0.1"},
}


def instances(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of converge.yml; `changes` has keys by the name of an instance."""
    return [{"name": name, **INSTANCES[name], **changes.get(name, {})} for name in INSTANCES]


def _run(playbook: str, *arguments: str) -> str:
    command = ["ansible-playbook", "--inventory", os.environ["MOLECULE_INVENTORY_FILE"], playbook, *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def play(directory: Path, wanted: list[dict[str, Any]], *arguments: str, **variables: Any) -> str:
    file = directory / "variables.json"
    file.write_text(json.dumps({"mod_wsgi_instances": wanted, **variables}))
    return _run(str(SCENARIO / "converge.yml"), "--extra-vars", f"@{file}", *arguments)


def uninstall(what: str) -> str:
    variables = {"mod_wsgi_uninstall_confirm": what, "mod_wsgi_uninstall_data": True}
    return _run("modwsgi.toolkit.uninstall", "--extra-vars", json.dumps(variables))
