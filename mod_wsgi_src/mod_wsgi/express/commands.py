# SPDX-License-Identifier: Apache-2.0
"""The commands of mod_wsgi-express in groups, and how help is laid out."""

from __future__ import annotations

import argparse
import shutil

PROGRAM = "mod_wsgi-express"
TAKES_OPTIONS = {
    "start-server": "Set up a server and run it in the foreground.",
    "setup-server": "Set up a server; its apachectl starts it.",
    "doctor": "Look for all that would keep a server from working; --lint FILE looks into an httpd configuration.",
    "plan": "Say what setup-server would write and which action follows. Touches nothing.",
}
OPERATIONS = {
    "status": "Say whether a server runs and what its daemons do; exit code 3: it does not run.",
    "reload": "Let new processes load the application and take over when they have.",
    "wait": "Wait until a server that was started serves; exit code 1: it does not.",
    "stop": "Stop a server and wait until it and its daemons are gone.",
    "logs": "Print the end of a log.",
}
OTHERS = {
    "replay": "Send requests of the recorder to a server and compare the responses.",
    "module-config": "Print the httpd directives that load the module.",
    "module-location": "Print the path of the module.",
    "install-module": "Copy the module to a directory and print the directives for it.",
}
GROUPS = {
    "Serve an application": TAKES_OPTIONS,
    "Look after a server": {**OPERATIONS, "replay": OTHERS["replay"]},
    "Use the module in another httpd": {name: text for name, text in OTHERS.items() if name != "replay"},
}
COMMANDS = {**TAKES_OPTIONS, **OPERATIONS, **OTHERS}
NARROWEST, WIDEST = 80, 120


class Layout(argparse.HelpFormatter):
    """One line an option where the terminal is wide enough."""

    def __init__(self, prog: str) -> None:
        width = min(max(shutil.get_terminal_size((WIDEST, 24)).columns, NARROWEST), WIDEST)
        super().__init__(prog, max_help_position=38, width=width)


def overview() -> str:
    lines = [f"usage: {PROGRAM} COMMAND [options]", "", "An Apache httpd of its own for one WSGI application."]
    for title, commands in GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<16} {text}" for name, text in commands.items())]
    lines += ["", f"{PROGRAM} COMMAND --help tells the options of a command, {PROGRAM} --version the version.", ""]
    return "\n".join(lines)
