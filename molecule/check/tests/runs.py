# SPDX-License-Identifier: Apache-2.0
"""Runs the site playbook, in check mode or not, and tells what each task did and what each server needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runner

SCENARIO = Path(__file__).resolve().parents[1]
NAMES = {"shop": 8001, "blog": 8002, "wiki": 8003}


@dataclass
class Run:
    lines: list[dict[str, Any]]
    output: str
    code: int

    def tasks(self, outcome: str) -> set[str]:
        return {line["task"] for line in self.lines if line["outcome"] == outcome}

    def servers(self) -> dict[str, tuple[str, tuple[str, ...], bool]]:
        """By instance: action, files, whether anything interrupts. The last action counts: before it ports are checked,
        and what is removed is stopped."""
        found: dict[str, tuple[str, tuple[str, ...], bool]] = {}
        for server in (server for line in self.lines for server in line["servers"]):
            name = server["msg"].partition(":")[0]
            interrupts = server["would_interrupt"] or found.get(name, ("", (), False))[2]
            found[name] = (server["action"], tuple(sorted(server["files"])), interrupts)
        return found

    def actions(self) -> dict[str, str]:
        return {name: action for name, (action, _, _) in self.servers().items()}


def instances(source: Path, **changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Three instances; `changes` has keys by the name of an instance."""
    base: dict[str, dict[str, Any]] = {
        name: {"name": name, "port": port, "source": str(source / name), "app": "wsgi.py", "env": {"COLOUR": "blue"}}
        for name, port in NAMES.items()
    }
    base["shop"].update(requirements="requirements.txt", services=[{"name": "worker", "script": "worker.py"}])
    base["wiki"].update(env_secret={"TOKEN": "canary-one"})
    for name, keys in changes.items():
        base[name] = {**base.get(name, {"name": name}), **keys}
    return list(base.values())


def play(directory: Path, wanted: list[dict[str, Any]], *arguments: str) -> Run:
    record = directory / "record"
    record.write_text("")
    done = runner.attempt(
        SCENARIO / "converge.yml",
        *arguments,
        variables={"mod_wsgi_instances": wanted},
        ANSIBLE_CALLBACK_PLUGINS=str(SCENARIO / "plugins" / "callback"),
        ANSIBLE_CALLBACKS_ENABLED="recorder",
        MOD_WSGI_RECORD=str(record),
    )
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    return Run(lines, done.stdout, done.returncode)
