# SPDX-License-Identifier: Apache-2.0
"""Which of the module's log messages the tests reached: those whose statement was run."""

from __future__ import annotations

import re
from pathlib import Path

import tomllib

MESSAGE = re.compile(r"\bMWS\((\d+)\)")
UNREACHED = Path(__file__).with_name("unreached.toml")  # code = why no test reaches it


def _ran(number: int, lines: dict[int, bool]) -> bool:
    """The statement that line is a part of: gcov counts it at the line where it begins."""
    return lines[max((counted for counted in lines if counted <= number), default=number)] if lines else False


def reached(found: dict[Path, dict[int, bool]]) -> dict[str, bool]:
    """Each code, and whether one of its places was run."""
    codes: dict[str, bool] = {}
    for path, lines in found.items():
        for number, text in enumerate(path.read_text().splitlines(), 1):
            for match in MESSAGE.finditer(text):
                code = f"MWS{match[1]}"
                codes[code] = codes.get(code, False) or _ran(number, lines)
    return codes


def complaints(found: dict[Path, dict[int, bool]]) -> list[str]:
    """A line for each code that nothing reached and whose reason is not written down, and for each that was reached."""
    reasons = tomllib.loads(UNREACHED.read_text(encoding="utf-8"))
    codes = reached(found)
    unknown = [f"{code} stands in {UNREACHED.name}, and is no message of the module" for code in reasons.keys() - codes]
    return sorted(
        [
            f"no test reaches {code}; if none can, {UNREACHED.name} says why"
            for code, ran in codes.items()
            if not ran and code not in reasons
        ]
        + [
            f"a test reaches {code}: it has no place in {UNREACHED.name}"
            for code, ran in codes.items()
            if ran and code in reasons
        ]
        + unknown
    )
