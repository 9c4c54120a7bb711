# SPDX-License-Identifier: Apache-2.0
"""The command as a document: python -m mod_wsgi.express.reference prints Markdown made from the tables."""

from __future__ import annotations

from itertools import groupby

from .commands import GROUPS, PROGRAM
from .environment import OWNED
from .legacy import ALIASES, DROPPED, REFUSED
from .options import OPTIONS, Option

INTRODUCTION = f"""# {PROGRAM}

Runs an Apache httpd of its own for one WSGI application. Options stand on the command line, in a TOML file
(`--config`) or in a JSON file (`--options-file`; `-` is standard input); the command line wins. A unique beginning of
an option is enough, and `$NAME` in a word is replaced by the variable. Errors are one line on standard error: exit
code 2 for what the command line or a file says, 1 for the rest.
"""


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _table(*head: str) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]


def _row(option: Option) -> str:
    words = " ".join(option.metavar)
    default = "" if option.default in (None, (), False) else f"`{option.default}`"
    marks = [mark for mark, is_so in (("repeatable", option.repeatable), ("daemon mode", option.daemon_only)) if is_so]
    marks += [f"with `--{option.needs}`"] if option.needs else []
    marks += {"4.4.11": [], "toolkit": ["only here"]}.get(option.since, [f"of {option.since}"])
    types = "" if option.is_flag else ", ".join(kind.word for kind in option.types)
    cells = [f"`--{option.name}{' ' + words if words else ''}`", types, default, option.help, ", ".join(marks)]
    return f"| {' | '.join(map(_cell, cells))} |"


def markdown() -> str:
    parts = [INTRODUCTION]
    for title, commands in GROUPS.items():
        parts += [f"## {title}", "", *_table("Command", "")]
        parts += [*(f"| `{name}` | {text} |" for name, text in commands.items()), ""]
    parts += [
        "`status`, `reload`, `wait`, `stop` and `logs` find the server by `--server-root`, or by `--host` and "
        "`--port`; the `apachectl` in the server root knows its own: `apachectl express status`.",
        "",
    ]
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        parts += [f"## {title}", "", *_table("Option", "Takes", "Default", "", "")]
        parts += [*map(_row, options), ""]
    parts += ["## Accepted with a note, or refused", "", *_table("Option", "")]
    parts += [f"| `--{name}` | is called `--{new}` here |" for name, new in sorted(ALIASES.items())]
    parts += [f"| `--{name}` | {dropped.instead} |" for name, dropped in sorted(DROPPED.items())]
    parts += [f"| `--{name}` | refused: {why} |" for name, why in sorted(REFUSED.items())]
    parts += ["", "## Environment of application and service scripts", ""]
    parts += [
        "`true` when on, absent when off; names of the server as text.",
        "",
        ", ".join(f"`{name}`" for name in OWNED) + ".",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
