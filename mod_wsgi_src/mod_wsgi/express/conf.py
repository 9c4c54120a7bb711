# SPDX-License-Identifier: Apache-2.0
"""Writing httpd's configuration language: quoting, directives, sections."""

from __future__ import annotations

from collections.abc import Iterable

# httpd replaces ${NAME} in every line and knows no escape for it, so a dollar before a brace is written as a variable.
DOLLAR = "MOD_WSGI_DOLLAR"


def quote(value: object) -> str:
    """One argument that httpd reads back as exactly `value`."""
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("${", f"${{{DOLLAR}}}{{")
    return f'"{text}"'


def directive(name: str, *arguments: object) -> str:
    return " ".join([name, *(quote(argument) for argument in arguments)])


def option(key: str, value: object) -> str:
    """key=value as WSGI directives take it; plain words stay readable."""
    text = str(value)
    plain = text and all(character.isalnum() or character in "_-./:%{}[]@+," for character in text) and "${" not in text
    return f"{key}={text if plain else quote(text)}"


def spread(head: str, parts: Iterable[str]) -> list[str]:
    """A directive over several lines, one option a line, so that a diff shows the option that changed."""
    parts = list(parts)
    lines = [head, *(f"    {part}" for part in parts)]
    return [f"{line} \\" for line in lines[:-1]] + lines[-1:]


def section(head: str, lines: Iterable[str]) -> list[str]:
    return [f"<{head}>", *(f"    {line}" if line else "" for line in lines), f"</{head.split()[0]}>"]


def only_if(condition: object, *lines: str) -> list[str]:
    return list(lines) if condition else []


def on_off(flag: object) -> str:
    return "On" if flag else "Off"
