# SPDX-License-Identifier: Apache-2.0
"""Options of a role or a plugin as tables. What has options of its own gets a table of its own, under its path."""

from __future__ import annotations

import json
from typing import Any

from markup import markdown, table

Options = dict[str, dict[str, Any]]


def _type(option: dict[str, Any]) -> str:
    kind = option.get("type", "str")
    return f"list of {option['elements']}" if kind == "list" and "elements" in option else kind


def _value(value: object) -> str:
    return f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def _default(option: dict[str, Any]) -> str:
    if option.get("required"):
        return "required"
    return "" if option.get("default") is None else _value(option["default"])


def _meaning(option: dict[str, Any]) -> str:
    text = markdown(option["description"])
    choices = option.get("choices")
    return text + (f" One of {', '.join(map(_value, choices))}." if choices else "")


def _inner(option: dict[str, Any]) -> Options:
    return option.get("options") or option.get("suboptions") or {}


def tables(options: Options, heading: str, path: str = "") -> list[str]:
    """The table of these options, then those of the options inside of them; `heading` is how their headings begin."""
    lines = table(
        ("name", "type", "default", "meaning"),
        [(f"`{name}`", _type(option), _default(option), _meaning(option)) for name, option in options.items()],
    )
    for name, option in options.items():
        if _inner(option):
            here = f"{path}{name}{'[]' if option.get('type') == 'list' else ''}"
            lines += [f"{heading} `{here}`", "", *tables(_inner(option), heading, f"{here}.")]
    return lines


def returned(values: Options, path: str = "") -> list[tuple[str, str, str]]:
    """Rows of return values, those inside of others under their path."""
    rows = []
    for name, value in values.items():
        here = f"{path}{name}"
        rows.append((f"`{here}`", _type(value), markdown(value["description"])))
        rows += returned(value.get("contains") or {}, f"{here}{'[]' if value.get('type') == 'list' else ''}.")
    return rows
