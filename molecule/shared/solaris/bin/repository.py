# SPDX-License-Identifier: Apache-2.0
"""The stand-in's service repository: what is configured lasts in /etc, what is the case lies in /system/volatile."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

CONFIGURED = Path("/etc/svc/repository")
VOLATILE = Path("/system/volatile/svc")
LOGS = Path("/var/svc/log")


def _file(directory: Path, fmri: str) -> Path:
    return directory / (fmri.removeprefix("svc:/").replace("/", ",") + ".json")


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return {}


def _write(path: Path, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(values, indent=1))
    part.rename(path)


def log_file(fmri: str) -> Path:
    return LOGS / (fmri.removeprefix("svc:/").replace("/", "-") + ".log")


def instances() -> list[str]:
    return sorted(_read(path)["fmri"] for path in CONFIGURED.glob("*.json"))


def configured(fmri: str) -> dict[str, Any]:
    return _read(_file(CONFIGURED, fmri))


def configure(fmri: str, **values: Any) -> None:
    _write(_file(CONFIGURED, fmri), {**configured(fmri), "fmri": fmri, **values})


def forget(fmri: str) -> None:
    _file(CONFIGURED, fmri).unlink()
    _file(VOLATILE, fmri).unlink(missing_ok=True)


def now(fmri: str) -> dict[str, Any]:
    """state, holder (the process that keeps the contract), and enabled while that is overridden."""
    return {"state": "disabled", "holder": 0, **_read(_file(VOLATILE, fmri))}


def note(fmri: str, **values: Any) -> None:
    _write(_file(VOLATILE, fmri), {**now(fmri), **values})


def is_enabled(fmri: str) -> bool:
    override = now(fmri).get("override")
    return configured(fmri)["enabled"] if override is None else override


def descendants(ancestor: int) -> set[int]:
    """Live processes below one; zombies are none."""
    parents = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(directory.name)] = (int(fields[1]), fields[0])
    found: set[int] = set()
    grew = {ancestor}
    while grew:
        grew = {pid for pid, (parent, _) in parents.items() if parent in grew} - found
        found |= grew
    return {pid for pid in found if parents[pid][1] != "Z"}


def command(pid: int) -> str:
    """Its name; empty when it is gone, or a zombie."""
    try:
        name, _, fields = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if fields.split()[0] == "Z" else name
