# SPDX-License-Identifier: Apache-2.0
"""What the module's sources keep to: an include only points downwards, each foreign interface stays on its floor, and
every message for the log has its code."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "reference"))

import messages
import pages
import tables

MODULE = Path(__file__).resolve().parents[2] / "module"
FLOORS = ["transport", "python", "daemon", "apache"]
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80

SOURCES = sorted(path for floor in FLOORS for path in (MODULE / floor).glob("*.[ch]"))
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
APACHE_HEADER = re.compile(r"^(httpd|http_|ap_|apr|util_|mod_|mpm_|unixd|scoreboard)")

# Calls that pass on what has its code already, or is a line of the application.
PASSED_ON = {
    ("apache/check.c", '"%s%s%s%s", code, where ? where : "", where ? ": " : "", text'),
    ("apache/error_logs.c", '"%.*s", (int)len, text'),
    ("apache/embedded.c", '"%.*s", (int)len, text'),
    ("apache/hook.c", '"%.*s", (int)len, text'),
    ("apache/reply.c", '"%sresponse refused: %s: %s", code, reason, name'),
    ("apache/request.c", '"%s: %s", reason, r->filename ? r->filename : r->uri'),
    ("python/log.c", '"%s", intro'),
    ("python/log.c", '"%s: %s (its traceback could not be formatted)", intro, Py_TYPE(value)->tp_name'),
    ("python/hook.c", "intro"),
    ("python/run_request.c", "intro"),
    ("python/runtime.c", "intro"),
}


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


def test_every_message_has_a_code() -> None:
    bare = {(call.place, call.arguments) for call in messages.calls() if not call.code}
    passed_on = {found for found in bare if any(found[0] == p and found[1].endswith(a) for p, a in PASSED_ON)}
    assert not bare - passed_on, "begin the text with MWS(code); see module/transport/message.h"
    assert len(bare) >= len(PASSED_ON), "PASSED_ON has what is no longer there"


def test_every_code_is_in_the_table_and_used_once() -> None:
    table, used = tables.load("messages"), messages.uses()
    assert sorted(use.code for use in used) == sorted(table)
    assert list(table) == sorted(table), "messages.toml is not in order"
    wrong_floor = [use for use in used if use.code[3] != messages.FLOORS[use.place.split("/")[0]]]
    assert not wrong_floor
    wrong_level = [use for use in used if use.level and use.level != table[use.code]["level"]]
    assert not wrong_level
    assert not [use for use in used if not use.text], "a code is followed by its text"


def test_reference_pages_are_up_to_date() -> None:
    stale = [path.name for path in pages.outdated()]
    assert not stale, "run python3 mod_wsgi_src/reference/pages.py"
