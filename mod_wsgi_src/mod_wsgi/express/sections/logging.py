# SPDX-License-Identifier: Apache-2.0
"""Logs and the status page."""

from __future__ import annotations

from ..conf import directive, quote, section
from ..model import Model

COMMON = '%h %l %u %t \\"%r\\" %>s %b'
COMBINED = COMMON + ' \\"%{Referer}i\\" \\"%{User-agent}i\\"'


def destination(model: Model, name: str) -> str:
    """The quoted target of a log: a file, rotatelogs, or the terminal."""
    if model.to_terminal and model.debug_mode:
        # The one process, which has changed its user, could not end a program and would wait for it.
        return quote("/dev/stderr")
    if model.to_terminal:
        # A program and not /dev/stdout: that cannot be opened when it is a socket, as it is under systemd.
        return quote("|/bin/cat")
    path = model.log_directory / name
    if not model.rotate_logs:
        return quote(path)
    program = model.rotatelogs_executable or model.httpd.rotatelogs
    prune = f'-p "{model.prune_script}" ' if model.keep_logs else ""
    return quote(f'|"{program}" {prune}"{path}.%Y-%m-%d-%H_%M_%S" {model.max_log_size}M')


def error_log(model: Model, name: str) -> str:
    return f"ErrorLog {destination(model, name)}"


def level(model: Model) -> str:
    more = " wsgi:debug" if model.verbose_debugging and "wsgi:" not in model.log_level else ""
    return f"LogLevel {model.log_level}{more}"


def logs(model: Model) -> list[str]:
    lines = [error_log(model, model.error_log_name), level(model)]
    if model.error_log_format:
        lines.append(directive("ErrorLogFormat", model.error_log_format))
    if model.access_log:
        known = {"common": f'"{COMMON}"', "combined": f'"{COMBINED}"'}
        form = known.get(model.access_log_format) or quote(model.access_log_format)
        lines.append(f"CustomLog {destination(model, model.access_log_name)} {form}")
    return lines


def status(model: Model) -> list[str]:
    if not model.server_status:
        return ["ExtendedStatus On"] if model.server_metrics else []
    # The alias keeps the URL away from the application; the handler answers, whether such a file exists or not.
    return [
        "ExtendedStatus On",
        directive("Alias", "/server-status", model.server_root / "htdocs" / "server-status"),
        *section('Location "/server-status"', ["SetHandler server-status", "Require local"]),
    ]
