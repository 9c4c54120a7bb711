# SPDX-License-Identifier: Apache-2.0
"""The scripts in the server root: apachectl and envvars for the shell, handler.wsgi and service.wsgi for daemons."""

from __future__ import annotations

import shlex

from .environment import OWNED
from .model import Model

WRITTEN = "# Written by mod_wsgi-express, which overwrites changes."

APACHECTL = """#!/bin/sh
{written}
# start [httpd options] | stop | restart | graceful | graceful-stop | configtest | status

HTTPD={httpd}
CONF={conf}
PID_FILE={pid_file}

unset {owned}
LANG={locale}
LC_ALL={locale}
export LANG LC_ALL
. {envvars}

case "${{1-}}" in
start)
    shift
    exec "$HTTPD" -f "$CONF"{startup} "$@"
    ;;
stop | restart | graceful | graceful-stop)
    exec "$HTTPD" -f "$CONF" -k "$1"
    ;;
configtest)
    exec "$HTTPD" -f "$CONF" -t
    ;;
status)
    # As init scripts have it: 0 runs, 3 does not.
    if [ -s "$PID_FILE" ] && kill -0 "$(cat "$PID_FILE")" 2>/dev/null; then
        echo "running, pid $(cat "$PID_FILE"), {url}"
    else
        echo "not running"
        exit 3
    fi
    ;;
*)
    echo "usage: $0 start [httpd options] | stop | restart | graceful | graceful-stop | configtest | status" >&2
    exit 2
    ;;
esac
"""


def apachectl(model: Model) -> str:
    startup = f" -E {shlex.quote(str(model.log_directory / model.startup_log_name))}" if model.startup_log else ""
    return APACHECTL.format(
        written=WRITTEN,
        httpd=shlex.quote(model.httpd.executable),
        conf=shlex.quote(str(model.conf)),
        pid_file=shlex.quote(str(model.pid_file)),
        owned=" ".join(OWNED),
        locale=shlex.quote(model.locale),
        envvars=shlex.quote(str(model.envvars)),
        startup=startup,
        url=model.url,
    )


def envvars(model: Model) -> str:
    """Without --envvars-script an empty file for the user, written once."""
    if model.envvars_script:
        return f"{WRITTEN}\n. {shlex.quote(str(model.envvars_script))}\n"
    return "# Environment of the server: shell, read by apachectl at start. Yours to edit; never overwritten.\n"


def handler_wsgi(model: Model) -> str:
    """Sets up a process of the application. For a module it is the script that the URLs are mapped to as well."""
    lines = [
        WRITTEN,
        "from mod_wsgi.express import handler, reloader",
        "",
        f"handler.set_variables({model.variables!r})",
    ]
    if model.embedded_mode:
        lines.append(f"handler.enter({str(model.work_directory)!r})")
    if model.reload_on_changes:
        lines.append("reloader.start()")
    elif model.entry.kind == "module" and not model.disable_reloading and not model.embedded_mode:
        lines.append(f"reloader.start(reloader.file_of({model.entry.module!r}))")
    else:
        lines[1] = "from mod_wsgi.express import handler"
    if model.entry.kind == "module":
        lines.append(f"application = handler.load_module({model.entry.module!r}, {model.entry.callable!r})")
    return "\n".join(lines) + "\n"


def service_wsgi(model: Model) -> str:
    lines = [WRITTEN, "from mod_wsgi.express import handler", "", f"handler.set_variables({model.variables!r})"]
    return "\n".join(lines) + "\n"
