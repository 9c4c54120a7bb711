# SPDX-License-Identifier: Apache-2.0
"""express.json: what a server root was made from, beyond the files in it. A later plan compares it with the present."""

from __future__ import annotations

import hashlib
import json
import platform
from pathlib import Path
from typing import Any

from .model import Model

NAME = "express.json"


def fingerprint(path: Path) -> str:
    """SHA-256 of a file; empty when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def describe(model: Model) -> dict[str, Any]:
    entry = model.entry
    asked = [*model.include_file, model.rewrite_rules, *model.asked_scripts]
    script = entry.path if entry.kind == "script" else None
    return {
        "httpd": {"executable": model.httpd.executable, "version": model.httpd.version},
        "module": {"path": str(model.module), "sha256": fingerprint(model.module)},
        "python": {"home": str(model.python_home), "version": platform.python_version()},
        "envvars": {str(path): fingerprint(path) for path in [model.envvars_script] if path},
        "application": {str(path): fingerprint(path) for path in [script] if path},
        "services": {service.name: {str(service.script): fingerprint(service.script)} for service in model.services},
        "included": {str(path): fingerprint(path) for path in asked if path},
        "daemons": {
            "application": model.application_daemons,
            "services": [service.group for service in model.services],
        },
        "pid_file": str(model.pid_file),
        "runtime_directory": str(model.runtime_directory),
        "logs": model.logs,
        "url": model.url,
    }


def text(model: Model) -> str:
    return json.dumps(describe(model), indent=2, sort_keys=True) + "\n"


def read(server_root: Path) -> dict[str, Any] | None:
    """What is recorded there; None when nothing is, or nothing that can be understood."""
    try:
        found = json.loads((server_root / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
