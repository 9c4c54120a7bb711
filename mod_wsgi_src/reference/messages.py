# SPDX-License-Identifier: Apache-2.0
"""The messages in the module's sources: where a code is used and with which text, and calls that carry none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MODULE = Path(__file__).parents[1] / "module"
LOGGERS = r"ap_log_(?:error|perror|cerror|rerror)|wpy_log|wpy_log_exception|wpy_log_stack|wdm_log"
CODE = re.compile(r"\bMWS\((\d{4})\)")
CALL = re.compile(rf"\b(?:{LOGGERS})\(")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
CONVERSION = re.compile(r"%(?:[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t)?[diuoxXcsp]|%)")
LEVEL = re.compile(r"\b(?:APLOG|WPY_LOG)_(CRIT|ERR|ERROR|WARNING|NOTICE|INFO|DEBUG)\b")
FLOORS = {"transport": "1", "python": "2", "daemon": "3", "apache": "4"}


@dataclass(frozen=True)
class Use:
    """One MWS(code) in the sources."""

    code: str
    place: str  # floor/file.c
    text: str  # of the format, conversions as "…"
    level: str  # "" when the call does not say


@dataclass(frozen=True)
class Call:
    """One call of a function that writes to the log."""

    place: str
    arguments: str

    @property
    def words(self) -> bool:
        """Whether it has text of its own, rather than passing a line on."""
        return any(re.search("[A-Za-z]{2}", CONVERSION.sub("", text)) for text in LITERAL.findall(self.arguments))

    @property
    def code(self) -> bool:
        return bool(CODE.search(self.arguments))


def _closing(text: str, start: int) -> int:
    """Index of the parenthesis that closes the one before `start`. Literals are skipped."""
    depth = 1
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[()]').finditer(text, start):
        depth += {"(": 1, ")": -1}.get(match.group(), 0)
        if depth == 0:
            return match.start()
    raise ValueError("a call does not end")


def _first_text(text: str) -> str:
    """The first run of literals of the statement, joined. A macro between two is a conversion: one of APR's formats."""
    match = re.match(r'[^";]*?(?=")', text, re.DOTALL)
    if not match:
        return ""
    joined = ""
    rest = text[match.end() :]
    while part := re.match(r'\s*(?:"((?:[^"\\]|\\.)*)"|([A-Z][A-Z_]+)(?=[\s,]))', rest):
        joined += part.group(1) if part.group(1) is not None else "d"
        rest = rest[part.end() :]
    joined = joined.replace("%%", "\0").replace('\\"', '"')
    return CONVERSION.sub("…", joined).replace("\0", "%").rstrip(":")


def _statement(text: str, at: int) -> str:
    begin = max(text.rfind(mark, 0, at) for mark in ";{}")
    return text[begin + 1 : text.find(";", at)]


def _level(statement: str) -> str:
    found = {match.lower().replace("error", "err") for match in LEVEL.findall(statement)}
    if "wpy_log_exception(" in statement:
        found = {"err"}
    return found.pop().replace("err", "error") if len(found) == 1 else ""


def _sources() -> list[tuple[str, str]]:
    files = sorted(MODULE.glob("*/*.[ch]"))
    return [(f"{path.parent.name}/{path.name}", path.read_text(encoding="utf-8")) for path in files]


def uses() -> list[Use]:
    found = []
    for place, text in _sources():
        for match in [] if place == "transport/message.h" else CODE.finditer(text):
            level = _level(_statement(text, match.start()))
            found.append(Use(f"MWS{match.group(1)}", place, _first_text(text[match.end() :]), level))
    return found


def calls() -> list[Call]:
    found = []
    for place, text in _sources():
        for match in CALL.finditer(text):
            end = _closing(text, match.end())
            line_start = text.rfind("\n", 0, match.start()) + 1
            if text[line_start].isspace():  # in the first column stand only definitions and declarations
                found.append(Call(place, " ".join(text[match.end() : end].split())))
    return found
