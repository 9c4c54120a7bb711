# SPDX-License-Identifier: Apache-2.0
"""Reads the make variables that an httpd installation leaves behind (config_vars.mk), without running anything."""

from __future__ import annotations

import re
import shlex

_ASSIGNMENT = re.compile(r"^\s*([A-Za-z_][\w.]*)\s*[:?]?=\s*(.*?)\s*$")
_REFERENCE = re.compile(r"\$[({]([^(){}$]+)[)}]")
_MAX_NESTING = 20


class MakeVariables:
    """Variables of a makefile fragment; references are expanded on reading, as make does, the last definition wins."""

    def __init__(self, text: str, **given: str) -> None:
        self._raw = dict(given)
        for line in text.replace("\\\n", " ").splitlines():
            match = _ASSIGNMENT.match(line)
            if match and match[1] not in given:
                self._raw[match[1]] = match[2]

    @classmethod
    def read(cls, path: str, **given: str) -> MakeVariables:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return cls(stream.read(), **given)

    def get(self, name: str) -> str:
        """Value of a variable with its references replaced; '' for one that is not there."""
        value = self._raw.get(name, "")
        for _ in range(_MAX_NESTING):
            expanded = _REFERENCE.sub(lambda match: self._raw.get(match[1], ""), value)
            if expanded == value:
                return value.strip()
            value = expanded
        raise ValueError(f"variable {name} refers to itself")

    def words(self, *names: str) -> list[str]:
        """The shell words of several variables, one list."""
        words: list[str] = []
        for name in names:
            try:
                words += shlex.split(self.get(name))
            except ValueError:  # an odd quote in a foreign file: take what can be had
                words += self.get(name).split()
        return words
