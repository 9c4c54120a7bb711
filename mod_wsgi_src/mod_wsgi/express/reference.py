# SPDX-License-Identifier: Apache-2.0
"""The options as a document: python -m mod_wsgi.express.reference prints Markdown made from the table."""

from __future__ import annotations

from itertools import groupby

from .legacy import ALIASES, DROPPED, REFUSED
from .options import OPTIONS, Option


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _row(option: Option) -> str:
    words = " ".join(option.metavar)
    default = "" if option.default in (None, (), False) else f"`{option.default}`"
    marks = [mark for mark, is_so in (("repeatable", option.repeatable), ("daemon mode", option.daemon_only)) if is_so]
    marks += [f"with `--{option.needs}`"] if option.needs else []
    types = "" if option.is_flag else ", ".join(kind.word for kind in option.types)
    cells = [f"`--{option.name}{' ' + words if words else ''}`", types, default, option.help, ", ".join(marks)]
    return f"| {' | '.join(map(_cell, [*cells, option.since]))} |"


def markdown() -> str:
    parts = []
    for title, options in groupby(OPTIONS, key=lambda option: option.group):
        parts += [
            f"## {title}",
            "",
            "| Option | Type | Default | Meaning | Notes | Since |",
            "|---|---|---|---|---|---|",
        ]
        parts += [*map(_row, options), ""]
    parts += ["## Accepted with a note, or refused", "", "| Option | |", "|---|---|"]
    parts += [f"| `--{name}` | is called `--{new}` here |" for name, new in sorted(ALIASES.items())]
    parts += [f"| `--{name}` | {dropped.instead} |" for name, dropped in sorted(DROPPED.items())]
    parts += [f"| `--{name}` | refused: {why} |" for name, why in sorted(REFUSED.items())]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
