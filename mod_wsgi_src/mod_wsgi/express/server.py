# SPDX-License-Identifier: Apache-2.0
"""Sets up a server root and runs the server in the foreground."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from types import FrameType

from . import debugging, files, preflight, processes
from .files import File
from .model import Model

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def set_up(model: Model) -> list[File]:
    """Checks everything, then writes what differs. Raises ExpressError with nothing written when a check fails."""
    preflight.check_all(model)
    return files.write(model)


def start(model: Model) -> int:
    """Does not return where this process becomes httpd; otherwise httpd's exit code."""
    command = [str(model.shell_executable or "/bin/sh"), str(model.server_root / "apachectl"), "start", "-DFOREGROUND"]
    sys.stdout.flush()
    terminal = os.isatty(0) or os.isatty(1)
    # prefork ends its whole process group when it stops: that must not be the group of whoever called this.
    kills_group = model.mpm == "prefork" and os.getpgrp() != os.getpid()
    if not model.enable_gdb and (model.debug_mode or not (terminal or kills_group)):
        # One process neither minds SIGWINCH nor has a group, and its debugger needs the terminal.
        os.execv(command[0], command)  # noqa: S606
    return _run_beside(model, command)


def _run_beside(model: Model, command: list[str]) -> int:
    """On a terminal httpd gets a process group of its own: it takes SIGWINCH, which every change of the window's size
    sends to the foreground group, as an order to stop. gdb stays in the foreground, and what ends is httpd in it."""
    if model.enable_gdb:
        child = subprocess.Popen(command)
    else:
        child = subprocess.Popen(command, process_group=0) if sys.version_info >= (3, 11) else _popen_in_group(command)

    def forward(number: int, _: FrameType | None) -> None:
        httpd = processes.server_pid(model.pid_file, model.conf) if model.enable_gdb else None
        os.kill(httpd or child.pid, number)

    for number in FORWARDED:
        signal.signal(number, forward)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _popen_in_group(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, preexec_fn=os.setpgrp)


def summary(model: Model) -> str:
    rows = [
        *(("Server URL", url) for url in model.urls),
        ("Server root", model.server_root),
        ("Configuration", model.conf),
        ("Error log", "terminal" if model.to_terminal else model.log_directory / model.error_log_name),
    ]
    if model.access_log:
        rows.append(("Access log", "terminal" if model.to_terminal else model.log_directory / model.access_log_name))
    if model.startup_log:
        rows.append(("Startup log", model.log_directory / model.startup_log_name))
    rows += [
        (f"Service {service.name}", "terminal" if model.to_terminal else model.log_directory / service.log)
        for service in model.services
        if service.log
    ]
    rows += [
        (f"{tool.capitalize()} output", debugging.directory(model, tool))
        for tool in debugging.OUTPUT
        if getattr(model, f"enable_{tool}")
    ]
    if model.server_status:
        rows.append(("Status page", f"http://{model.address}:{model.port}/server-status"))
    if model.entry.kind != "static":
        mode = (
            "debug, one process"
            if model.debug_mode
            else "embedded"
            if model.embedded_mode
            else f"daemon group {model.group_name}"
        )
        rows += [
            ("Mode", mode),
            ("Request capacity", f"{model.processes or 1} process(es) of {model.threads} threads"),
        ]
    rows += [
        ("Server capacity", f"{model.sizing.max_workers} connections ({model.mpm})"),
        ("Environment", model.envvars),
        ("Control script", model.server_root / "apachectl"),
        ("Locale", model.locale),
    ]
    return "".join(f"{title:<17}: {value}\n" for title, value in rows)
