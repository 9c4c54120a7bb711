# SPDX-License-Identifier: Apache-2.0
"""The scripts in the server root: apachectl and envvars for the shell, handler.wsgi and service.wsgi for daemons."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from . import debugging
from .environment import OWNED
from .model import Model

WRITTEN = "# Written by mod_wsgi-express, which overwrites changes."

GDB_COMMANDS = "gdb.cmds"
GDB_SCRIPT = f"""{WRITTEN}
set pagination off
set confirm off
set print thread-events off
set startup-with-shell off
handle SIGTERM SIGHUP SIGUSR1 SIGWINCH SIGPIPE nostop noprint pass
run
if $_isvoid($_exitcode)
  echo \\nStack of C:\\n
  backtrace
  echo \\nStack of Python:\\n
  continue
end
"""

APACHECTL = """#!{shell}
{written}
# start [httpd options] | stop | restart | graceful | graceful-stop | configtest | status
# express wait | stop | reload | status [options]: that command of mod_wsgi-express for this server
# service start | stop | refresh [seconds]: the methods of a service manager that goes by exit codes (SMF)

HTTPD={httpd}
CONF={conf}
PID_FILE={pid_file}

unset {owned} SMF_FMRI SMF_METHOD SMF_RESTARTER SMF_ZONENAME
LANG={locale}
LC_ALL={locale}
export LANG LC_ALL
. {envvars}

case "${{1-}}" in
start)
    shift
    if [ -n "${{NOTIFY_SOCKET-}}" ]; then
        {readiness} $$ </dev/null &
    fi
    {start}
    ;;
stop | restart | graceful | graceful-stop)
    exec "$HTTPD" -f "$CONF" -k "$1"
    ;;
configtest)
    exec "$HTTPD" -f "$CONF" -t
    ;;
status)
    # As init scripts have it: 0 runs, 3 does not.
    if [ -s "$PID_FILE" ] && kill -s 0 "$(cat "$PID_FILE")" 2>/dev/null; then
        echo "running, pid $(cat "$PID_FILE"), {url}"
    else
        echo "not running"
        exit 3
    fi
    ;;
express)
    command=${{2-status}}
    shift $(($# < 2 ? $# : 2))
    exec {express} "$command" --server-root {server_root} "$@"
    ;;
service)
    # start is back when it serves, stop when all is gone. 96: httpd refuses the configuration, no use to try again.
    method=${{2-}} seconds=${{3-60}}
    set --
    case $method in
    start)
        if ! ({start}); then
            "$HTTPD" -f "$CONF" -t || exit 96
            exit 1
        fi
        "$0" express wait --timeout "$seconds" && exit 0
        "$0" express stop
        exit 1
        ;;
    stop)
        "$0" express stop --timeout "$seconds"
        exit
        ;;
    refresh)
        # One that failed would count against what serves: a configuration that httpd refuses is only told.
        "$HTTPD" -f "$CONF" -k graceful || echo "$0: the server goes on as it was" >&2
        exit 0
        ;;
    esac
    echo "usage: $0 service start | stop | refresh [seconds]" >&2
    exit 95
    ;;
*)
    echo "usage: $0 start [httpd options] | stop | restart | graceful | graceful-stop | configtest | status" >&2
    echo "       $0 express wait | stop | reload | status [options of mod_wsgi-express]" >&2
    exit 2
    ;;
esac
"""


PRUNE_LOGS = """#!/bin/sh
{written}
# rotatelogs runs it with the name of a file that it begins: LOG.YEAR-MONTH-DAY-HOUR_MINUTE_SECOND

set -- "${{1%.*}}".[0-9]*-*-*-*_*_*
while [ $# -gt {keep} ]; do
    rm -f -- "$1"
    shift
done
"""


def prune_logs(model: Model) -> str:
    """Names sort by age: the oldest come first."""
    return PRUNE_LOGS.format(written=WRITTEN, keep=model.keep_logs)


def _start(model: Model) -> str:
    """The shell command that becomes httpd, or gdb with httpd in it."""
    startup = f" -E {shlex.quote(str(model.log_directory / model.startup_log_name))}" if model.startup_log else ""
    one_process = " -X" if model.debug_mode else ""
    httpd = f'"$HTTPD"{one_process} -f "$CONF"{startup} "$@"'
    if not model.enable_gdb:
        return f"exec {httpd}"
    program = shlex.quote(str(debugging.gdb(model.settings)))
    commands = shlex.quote(str(model.server_root / GDB_COMMANDS))
    # Without a terminal there is nobody to ask at its prompt.
    return f"[ -t 0 ] && batch= || batch=-batch\n    exec {program} -q $batch -nx -x {commands} --args {httpd}"


def _readiness(model: Model) -> list[str]:
    words = [sys.executable, "-m", "mod_wsgi.express.readiness", str(model.runtime_directory)]
    return [*words, model.application_daemons, model.local_address, str(model.port)]


def gdb_commands() -> str:
    """A crash: the stack of C, then by faulthandler, which the signal calls, that of Python."""
    return GDB_SCRIPT


def apachectl(model: Model) -> str:
    return APACHECTL.format(
        written=WRITTEN,
        shell=model.shell_executable or "/bin/sh",
        httpd=shlex.quote(model.httpd.executable),
        conf=shlex.quote(str(model.conf)),
        pid_file=shlex.quote(str(model.pid_file)),
        owned=" ".join(OWNED),
        locale=shlex.quote(model.locale),
        envvars=shlex.quote(str(model.envvars)),
        start=_start(model),
        readiness=" ".join(map(shlex.quote, _readiness(model))),
        express=f"{shlex.quote(sys.executable)} -m mod_wsgi.express",
        server_root=shlex.quote(str(model.server_root)),
        url=model.url,
    )


def envvars(model: Model) -> str:
    """Without --envvars-script an empty file for the user, written once."""
    if model.envvars_script:
        return f"{WRITTEN}\n. {shlex.quote(str(model.envvars_script))}\n"
    return "# Environment of the server: shell, read by apachectl at start. Yours to edit; never overwritten.\n"


def _loader(model: Model) -> str:
    if model.entry.kind == "module":
        return f"handler.load_module({model.entry.module!r}, {model.entry.callable!r})"
    if model.entry.kind == "paste":
        return f"handler.load_paste({str(model.entry.path)!r})"
    return f"handler.load_script({str(model.entry.path)!r}, {model.entry.callable!r})"


def handler_wsgi(model: Model) -> str:
    """Sets up a process of the application. It is also the script that the URLs are mapped to, for a module or with
    debugging tools."""
    parts = {"handler"}
    lines = [f"handler.set_variables({model.variables!r})"]
    if model.embedded_mode:
        lines.append(f"handler.enter({str(model.work_directory)!r})")
    if model.reload_on_changes:
        parts.add("reloader")
        lines.append(f"reloader.start({'embedded=True' if model.embedded_mode else ''})")
    elif model.entry.kind == "module" and not model.disable_reloading and not model.embedded_mode:
        parts.add("reloader")
        lines.append(f"reloader.start(reloader.file_of({model.entry.module!r}))")
    if model.debug_mode:
        parts.add("tools")
        lines += ["handler.take_terminal()", f"application = tools.load({debugging.arguments(model)!r},"]
        lines.append(f"                         lambda: {_loader(model)})")
    elif model.entry.kind in ("module", "paste"):
        lines.append(f"application = {_loader(model)}")
    return "\n".join([WRITTEN, f"from mod_wsgi.express import {', '.join(sorted(parts))}", "", *lines, ""])


def resource_wsgi(model: Model, script: Path) -> str:
    """Answers for files with a certain extension."""
    lines = [WRITTEN, "from mod_wsgi.express import handler", "", f"handler.set_variables({model.variables!r})"]
    if model.embedded_mode:
        lines.append(f"handler.enter({str(model.work_directory)!r})")
    load = "load_resource" if model.disable_reloading else "reloading"
    lines.append(f"handle_request = handler.{load}({str(script)!r})")
    return "\n".join(lines) + "\n"


def service_wsgi(model: Model) -> str:
    lines = [WRITTEN, "from mod_wsgi.express import handler", "", f"handler.set_variables({model.variables!r})"]
    return "\n".join(lines) + "\n"
