# SPDX-License-Identifier: Apache-2.0
"""Reads httpd's configuration as it stands in the files: directives with their place, in the order httpd reads them.

Conditions (IfModule, IfDefine, IfVersion) count as fulfilled: a mistake in them is one as well.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import ExpressError

CONDITIONS = ("ifmodule", "ifdefine", "ifversion", "iffile", "ifsection", "ifdirective")
DEEPEST = 20


@dataclass(frozen=True)
class Section:
    name: str  # in lower case
    argument: str
    number: int  # two sections of one name are two


@dataclass(frozen=True)
class Directive:
    name: str  # as it is written
    arguments: tuple[str, ...]
    file: str
    line: int
    sections: tuple[Section, ...]

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def host(self) -> Section | None:
        """The virtual host it stands in."""
        return next((section for section in self.sections if section.name == "virtualhost"), None)

    def option(self, name: str) -> str | None:
        """The value of name=value."""
        for argument in self.arguments:
            key, equals, value = argument.partition("=")
            if equals and key.lower() == name:
                return value
        return None


@dataclass
class Config:
    directives: list[Directive] = field(default_factory=list)
    root: str = "/"
    defines: dict[str, str] = field(default_factory=dict)
    sections: int = 0

    def named(self, *names: str) -> list[Directive]:
        keys = [name.lower() for name in names]
        return [directive for directive in self.directives if directive.key in keys]

    def path(self, text: str) -> Path:
        return Path(self.root, text)


def words(text: str) -> list[str]:
    """Arguments as httpd takes them apart: quotes around a word, a backslash before a quote or a backslash."""
    found = []
    for quoted, single, plain in re.findall(r'"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|((?:[^\s"]|"[^"]*")+)', text):
        found.append(re.sub(r'\\(["\'\\])', r"\1", quoted or single) if not plain else plain.replace('"', ""))
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Logical lines with the number of their first line."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ExpressError(f"{path}: cannot be read ({error.strerror})") from None
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        first = first or number
        if line.endswith("\\"):
            pending += line[:-1] + " "
            continue
        yield first, (pending + line).strip()
        pending, first = "", 0


def read(path: Path) -> Config:
    config = Config(root=str(path.parent))
    _read(config, path, [], 0)
    return config


def _read(config: Config, path: Path, open_sections: list[Section], depth: int) -> None:
    for number, line in _lines(path):
        if not line or line.startswith("#"):
            continue
        line = re.sub(r"\$\{(\w+)\}", lambda found: config.defines.get(found[1], found[0]), line)
        if line.startswith("</"):
            if open_sections and line[2:].rstrip("> ").lower() not in CONDITIONS:
                open_sections.pop()
        elif line.startswith("<"):
            name, _, argument = line[1:].rstrip(">").partition(" ")
            if name.lower() not in CONDITIONS:
                config.sections += 1
                open_sections.append(Section(name.lower(), " ".join(words(argument)), config.sections))
        else:
            _take(config, line, path, number, open_sections, depth)


def _take(config: Config, line: str, path: Path, number: int, open_sections: list[Section], depth: int) -> None:
    name, _, rest = line.partition(" ")
    arguments = tuple(words(rest))
    key = name.lower()
    if key == "define" and arguments:
        config.defines[arguments[0]] = arguments[1] if len(arguments) > 1 else ""
    elif key == "serverroot" and arguments:
        config.root = arguments[0]
    elif key in ("include", "includeoptional") and arguments and depth < DEEPEST:
        for found in sorted(glob.glob(os.path.join(config.root, arguments[0]))):
            if os.path.isfile(found):
                _read(config, Path(found), open_sections, depth + 1)
        return
    config.directives.append(Directive(name, arguments, str(path), number, tuple(open_sections)))
