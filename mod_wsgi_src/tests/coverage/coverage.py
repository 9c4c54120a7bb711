# SPDX-License-Identifier: Apache-2.0
"""Which lines of the module the tests run: builds it with counters, runs the functional suite and the C unit tests, and
prints a table of the files.

`coverage.py [--least PERCENT] [--lines] [PYTEST ARGUMENTS]`: --lines lists the lines that nothing ran. Exit code 1 when
a test fails or fewer lines than --least were run."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.building import compiler, server_python

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
MODULE = SOURCE / "module"

BUILD = """
import os, sys
from pathlib import Path
root, flush, work = map(Path, sys.argv[1:])
sys.path[:0] = [str(root / "backend"), str(root)]
import compiler, find_httpd, find_python
sources = [*sorted((root / "module").glob("*/*.c")), flush]
compiler.Compiler(find_httpd.find("system", None), find_python.find()).build(sources, work, work / "mod_wsgi.so")
"""

Lines = dict[int, bool]  # line with code: whether anything ran it


def build(work: Path) -> Path:
    """The module with counters, in `work`, where its counters go as well."""
    work.mkdir()
    env = {**os.environ, "CFLAGS": "--coverage -O0 -g", "LDFLAGS": "-Wl,--wrap=_exit", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [server_python(), "-c", BUILD, str(SOURCE), str(HERE / "flush.c"), str(work)]
    subprocess.run(command, check=True, env=env, cwd="/")
    # Processes of several users add to the same counters.
    for notes in work.glob("*.gcno"):
        counters = notes.with_suffix(".gcda")
        counters.touch()
        counters.chmod(0o666)
    return work / "mod_wsgi.so"


def run_units(work: Path) -> bool:
    make = ["make", "--no-print-directory", f"CC={compiler()} --coverage", "SANITIZE=", f"PYTHON={server_python()}"]
    done = [
        subprocess.run([*make, "-C", str(HERE.parent / name), f"BUILD={work / label}", "check"]).returncode
        for name, label in (("unit", "transport"), ("unit/python", "python"))
    ]
    return not any(done)


def run_suite(module: Path, arguments: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "MOD_WSGI_MODULE": str(module)}
    return subprocess.run([*command, *(arguments or [str(HERE.parent / "functional")])], env=env).returncode == 0


def read(work: Path) -> dict[Path, Lines]:
    """What gcov says of all counters below `work`, joined: a line was run when any build of it was."""
    found: dict[Path, Lines] = {}
    for counters in work.rglob("*.gcda"):
        if counters.stat().st_size == 0:
            continue
        command = ["gcov", "--json-format", "--stdout", str(counters)]
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=counters.parent)
        for report in map(json.loads, filter(None, said.stdout.splitlines())):
            for file in report["files"]:
                path = Path(report["current_working_directory"], file["file"]).resolve()
                if path.is_relative_to(MODULE) and path.suffix == ".c":
                    lines = found.setdefault(path, {})
                    for line in file["lines"]:
                        lines[line["line_number"]] = lines.get(line["line_number"], False) or line["count"] > 0
    # A file none of whose lines ran has notes, but no counters.
    for notes in work.glob("*.gcno"):
        floor, _, stem = notes.stem.partition("-")
        path = MODULE / floor / f"{stem}.c"
        if path.is_file():
            found.setdefault(path, {})
    return found


def ranges(numbers: Iterable[int]) -> str:
    text: list[list[int]] = []
    for number in sorted(numbers):
        if text and number == text[-1][1] + 1:
            text[-1][1] = number
        else:
            text.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in text)


def table(found: dict[Path, Lines], show_lines: bool) -> float:
    """Prints it; the percentage of all."""
    total = ran = 0
    print(f"\n{'file':<34}{'lines':>7}{'run':>7}{'%':>8}")
    for path, lines in sorted(found.items()):
        count, hit = len(lines), sum(lines.values())
        total, ran = total + count, ran + hit
        print(f"{path.relative_to(MODULE)!s:<34}{count:>7}{hit:>7}{100 * hit / count if count else 0:>8.1f}")
        if show_lines and hit < count:
            print(f"    not run: {ranges(number for number, was_run in lines.items() if not was_run)}")
    share = 100 * ran / total if total else 0.0
    print(f"{'all':<34}{total:>7}{ran:>7}{share:>8.1f}")
    return share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--lines", action="store_true")
    options, arguments = parser.parse_known_args()
    work = Path(tempfile.mkdtemp(prefix="wsgi-lines-"))
    work.chmod(0o755)  # daemons write their counters there
    try:
        module = build(work / "module")
        passed = run_units(work) & run_suite(module, arguments)
        share = table(read(work), options.lines)
    finally:
        shutil.rmtree(work)
    if share < options.least:
        print(f"fewer than {options.least:g} % of the lines were run")
    return 0 if passed and share >= options.least else 1


if __name__ == "__main__":
    sys.exit(main())
