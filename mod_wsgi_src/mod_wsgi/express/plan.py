# SPDX-License-Identifier: Apache-2.0
"""What a change would write and the smallest action that puts it into effect. Touches nothing."""

from __future__ import annotations

from typing import Any

from . import manifest, processes, roster
from .files import File, render
from .model import Model

# Directives that httpd reads only when it starts, not at a graceful restart.
NEEDS_START = (
    "LoadModule mpm_",
    "ServerLimit",
    "ThreadLimit",
    "PidFile",
    "ListenBacklog",
    "DefaultRuntimeDir",
    "Mutex",
)

NONE, USR1, TERM, GRACEFUL, STOP_START = "none", "usr1", "term", "graceful", "stop_start"


def _start_lines(conf: str) -> list[str]:
    lines = (line.strip() for line in conf.splitlines())
    return [line for line in lines if line.startswith(NEEDS_START)]


def _start_reasons(model: Model, files: dict[str, File], old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why only stop and start would do."""
    reasons = [f"{name} changed" for name in ("httpd", "module", "python", "envvars") if old.get(name) != new[name]]
    reasons += [f"{name} changed" for name in ("apachectl", "envvars") if files[name].state in ("create", "change")]
    conf = files["httpd.conf"]
    if conf.state == "change":
        before, after = _start_lines(conf.current() or ""), _start_lines(conf.text)
        names = sorted({line.split()[0] for line in set(before) ^ set(after)})
        reasons += [f"{name} changed, which httpd reads only at its start" for name in names]
    return sorted(set(reasons))


def _changed_services(files: dict[str, File], old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    if "service.wsgi" in files and files["service.wsgi"].state == "change":
        return sorted(new["services"])
    return sorted(name for name, script in new["services"].items() if old.get("services", {}).get(name) != script)


def decide(model: Model, rendered: list[File]) -> tuple[str, list[str], list[str]]:
    """(action, reasons, services that need it when the action is term)"""
    files = {file.path.name: file for file in rendered}
    old, new = manifest.read(model.server_root), manifest.describe(model)
    if old is None or files["httpd.conf"].state == "create":
        return STOP_START, ["nothing was set up here before"], []
    reasons = _start_reasons(model, files, old, new)
    if reasons:
        return STOP_START, reasons, []
    if files["httpd.conf"].state == "change" or old.get("included") != new["included"]:
        return GRACEFUL, ["the configuration changed"], []
    if any(file.state in ("create", "change") for name, file in files.items() if name == "mime.types"):
        return GRACEFUL, ["the table of content types changed"], []
    handler = files.get("handler.wsgi")
    application = old.get("application") != new["application"] or (handler is not None and handler.state == "change")
    services = _changed_services(files, old, new)
    if application and (services or model.embedded_mode):
        return GRACEFUL, ["the application changed", *(f"service {name} changed" for name in services)], []
    if application:
        return USR1, ["the application changed"], []
    if services:
        return TERM, [f"service {name} changed" for name in services], services
    return NONE, [], []


def _daemons(model: Model, pid: int, groups: list[str]) -> dict[str, list[int]]:
    """As the server tells; by their titles while it does not."""
    listed = roster.read(model.runtime_directory, pid)
    if not listed:
        return processes.daemons(pid, groups)
    return {group: sorted(daemon for seat in listed.get(group, []) for daemon in seat.serving) for group in groups}


def make_plan(model: Model) -> dict[str, Any]:
    rendered = render(model)
    action, reasons, services = decide(model, rendered)
    old = manifest.read(model.server_root) or {}
    recorded = old.get("daemons") or {"application": "", "services": []}
    pid = processes.server_pid(model.pid_file, model.conf)
    groups = [name for name in [recorded["application"], *recorded["services"]] if name]
    return {
        "server_root": str(model.server_root),
        "url": model.url,
        "changed": any(file.state != "same" for file in rendered),
        "files": [
            {
                "path": str(file.path),
                "mode": f"{file.mode:04o}",
                "state": file.state,
                "diff": file.diff() if file.state in ("create", "change") else "",
            }
            for file in rendered
        ],
        "action": action,
        "reasons": reasons,
        "services": services,
        "running": pid is not None,
        "pid": pid,
        "daemons": _daemons(model, pid, groups) if pid else {},
        "would_interrupt": pid is not None and action == STOP_START,
    }
