# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

from .parse import Config, Directive


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


Rule = Callable[[Config], Iterator[Finding]]


def finding(directive: Directive, what: str, fix: str) -> Finding:
    return Finding(directive.file, directive.line, f"{directive.name}: {what}; {fix}")
