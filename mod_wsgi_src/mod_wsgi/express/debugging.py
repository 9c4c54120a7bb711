# SPDX-License-Identifier: Apache-2.0
"""The debugging tools: what they change in the settings, and where they may run."""

from __future__ import annotations

import ipaddress
import os
import shutil
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from .accounts import Account
from .errors import UsageError, bad_option
from .options import BY_NAME, OPTIONS, SERVICES
from .settings import Settings

if TYPE_CHECKING:
    from .model import Model

TOOLS = ("debugger", "coverage", "profiler", "recorder", "gdb")
# Where each tool writes, unless the user says so: directories in the server root.
OUTPUT = {"coverage": "htmlcov", "profiler": "pstats", "recorder": "archive"}
HOST = "127.0.0.1"
FIRST_ORDINARY_UID = 1000  # accounts of services have smaller ones


def tools(settings: Settings) -> list[str]:
    return [name for name in TOOLS if getattr(settings, f"enable_{name}")]


def adapt(settings: Settings) -> Settings:
    """One process with one thread that has the terminal; and notes about options that mean nothing there."""
    if not settings.debug_mode and not tools(settings):
        if settings.allow_exposed_debugging:
            raise UsageError("--allow-exposed-debugging: nothing is debugged; leave it out")
        return settings
    idle = {option.name for option in OPTIONS if option.daemon_only and option.group != SERVICES}
    idle = (idle | {"processes", "threads", "maximum-requests", "reload-on-changes"}) & settings.given
    changes = {BY_NAME[name].key: BY_NAME[name].default for name in idle}
    changes.update(debug_mode=True, embedded_mode=True, threads=1, disable_reloading=True)
    changes.update(host=settings.host or HOST, log_to_terminal=not settings.log_directory)
    changed = settings.changed(changes, settings.given - idle)
    if idle:
        changed.notes += (f"--{', --'.join(sorted(idle))}: no effect while debugging in one process with one thread",)
    return changed


def check(settings: Settings, account: Account | None, kind: str) -> None:
    """Whoever reaches a debugger runs code as its user: that is for a developer alone, on his own machine."""
    if not settings.debug_mode:
        return
    if kind == "static":
        raise UsageError("--debug-mode: there is no application with --application-type static; leave it out")
    if settings.enable_coverage and not PathFinder.find_spec("coverage", [*map(str, settings.python_path), *sys.path]):
        raise UsageError("--enable-coverage: the package coverage is not installed; install it with pip")
    if settings.enable_gdb and not gdb(settings):
        raise UsageError("--enable-gdb: there is no gdb in PATH; install it or name it with --gdb-executable")
    if settings.allow_exposed_debugging:
        return
    if not _is_loopback(settings.host):
        raise bad_option(
            "host", settings.host, "can be reached from other machines, which is no place to debug; "
            f"give {HOST} or leave it out, or insist with --allow-exposed-debugging",
        )  # fmt: skip
    uid = account.uid if account else os.geteuid()
    if uid < FIRST_ORDINARY_UID:
        name = account.user if account else f"#{uid}"
        raise bad_option(
            "user", name, "is the user of a service, whose data a debugger would lay open; "
            "debug as yourself, or insist with --allow-exposed-debugging",
        )  # fmt: skip


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def gdb(settings: Settings) -> str | None:
    return shutil.which(str(settings.gdb_executable or "gdb"))


def directory(model: Model, tool: str) -> Path:
    return getattr(model.settings, f"{tool}_directory") or model.server_root / OUTPUT[tool]


def arguments(model: Model) -> dict[str, dict[str, object]]:
    """What handler.wsgi gives to mod_wsgi.express.tools: tools that run inside the process, with their settings."""
    found: dict[str, dict[str, object]] = {}
    if model.enable_debugger:
        found["debugger"] = {"startup": model.debugger_startup}
    if model.enable_coverage:
        roots = [model.work_directory, *([model.entry.path.parent] if model.entry.path else [])]
        source = list(dict.fromkeys(map(str, roots)))
        found["coverage"] = {"directory": str(directory(model, "coverage")), "source": source}
    for tool in ("profiler", "recorder"):
        if getattr(model, f"enable_{tool}"):
            found[tool] = {"directory": str(directory(model, tool))}
    if model.enable_gdb:
        found["gdb"] = {}
    return found
