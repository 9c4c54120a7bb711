# SPDX-License-Identifier: Apache-2.0
"""The four floors of the module: an include only points downwards, and each foreign interface stays on its floor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

MODULE = Path(__file__).resolve().parents[2] / "module"
FLOORS = ["transport", "python", "daemon", "apache"]
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80

SOURCES = sorted(path for floor in FLOORS for path in (MODULE / floor).glob("*.[ch]"))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
APACHE_HEADER = re.compile(r"^(httpd|http_|ap_|apr|util_|mod_|mpm_|unixd|scoreboard)")


def includes(path: Path) -> list[tuple[str, str]]:
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def local_target(path: Path, name: str) -> Path | None:
    target = (path.parent / name).resolve()
    return target if target.exists() else None


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_includes_point_downwards(path: Path) -> None:
    floor = FLOORS.index(path.parent.name)
    for kind, name in includes(path):
        target = local_target(path, name) if kind == '"' else None
        if target is None:
            if name == "Python.h":
                assert path.parent.name == "python", f"{path}: Python.h belongs to python/"
            if APACHE_HEADER.match(name):
                assert path.parent.name == "apache", f"{path}: {name} belongs to apache/"
        else:
            assert target.is_relative_to(MODULE), f"{path}: {name} leaves the module"
            assert FLOORS.index(target.parent.name) <= floor, f"{path}: {name} points upwards"


def test_python_internals_stay_inside() -> None:
    """What includes Python.h, directly or not, is not for the upper floors."""
    headers = {p.name: {name for _, name in includes(p)} for p in SOURCES if p.suffix == ".h"}
    tainted = {"Python.h"}
    while grown := {name for name, inside in headers.items() if inside & tainted} - tainted:
        tainted |= grown
    for path in SOURCES:
        if path.parent.name in ("daemon", "apache"):
            assert not tainted & {Path(name).name for _, name in includes(path)}, f"{path} reaches Python.h"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_files_are_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MAX_FILE_LINES, f"{path}: {len(lines)} lines, {MAX_FILE_LINES} at most"
    wide = [number for number, line in enumerate(lines, 1) if len(line) > 120]
    assert not wide, f"{path}: lines longer than 120 characters: {wide}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_functions_are_short(path: Path) -> None:
    """A function's body begins with a brace in the first column and ends with one: the style makes this exact."""
    start = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            assert number - start + 1 <= MAX_FUNCTION_LINES, f"{path}:{start}: {number - start + 1} lines"
            start = 0


def test_sources_name_their_licence() -> None:
    missing = [str(p) for p in SOURCES if "SPDX-License-Identifier: Apache-2.0" not in p.read_text().split("\n", 1)[0]]
    assert not missing
