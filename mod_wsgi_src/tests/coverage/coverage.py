# SPDX-License-Identifier: Apache-2.0
"""Which lines and branches of the module the tests run: builds it with counters, runs the functional suite and the C
unit tests, and prints a table of the files, and the log messages that no test reached.

`coverage.py [--least PERCENT] [--least-branches PERCENT] [--lines] [PYTEST ARGUMENTS]`: --lines lists the lines that
nothing ran, and those with a branch that was never taken. Exit code 1 when a test fails, when fewer lines or branches
than that were run, or when the messages that nothing reached are others than those of unreached.toml.

Branches in the lines of httpd's logging macros are left out: they compare log levels, and are httpd's."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import messages
from harness.building import compiler, server_python

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
MODULE = SOURCE / "module"
LOGGING = re.compile(r"\bap_log_\w*error\(")

BUILD = """
import os, sys
from pathlib import Path
root, flush, work = map(Path, sys.argv[1:])
sys.path[:0] = [str(root / "backend"), str(root)]
import compiler, find_httpd, find_python
sources = [*sorted((root / "module").glob("*/*.c")), flush]
compiler.Compiler(find_httpd.find("system", None), find_python.find()).build(sources, work, work / "mod_wsgi.so")
"""


@dataclass
class File:
    lines: dict[int, bool] = field(default_factory=dict)  # line with code: whether anything ran it
    branches: dict[int, list[bool]] = field(default_factory=dict)  # its ways on: whether anything took them

    def add(self, number: int, ran: bool, ways: list[bool]) -> None:
        self.lines[number] = self.lines.get(number, False) or ran
        known = self.branches.setdefault(number, ways)
        if len(known) == len(ways):  # another optimisation may see others
            self.branches[number] = [a or b for a, b in zip(known, ways)]

    def partly(self) -> list[int]:
        """Lines that were run, and of whose branches one was not taken."""
        return [number for number, ways in self.branches.items() if self.lines[number] and not all(ways)]

    def counts(self) -> tuple[int, int, int, int]:
        """Lines, those run, branches, those taken."""
        ways = [way for line in self.branches.values() for way in line]
        return len(self.lines), sum(self.lines.values()), len(ways), sum(ways)


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
    return (
        subprocess.run(
            [*command, *(arguments or ["-n", "2", "--dist", "loadfile", str(HERE.parent / "functional")])], env=env
        ).returncode
        == 0
    )


def read(work: Path) -> dict[Path, File]:
    """What gcov says of all counters below `work`, joined: a line was run when any build of it was. The module's own go
    first, so that theirs are the branches."""
    found: dict[Path, File] = {}
    for counters in work.rglob("*.gcda"):
        if counters.stat().st_size == 0:
            counters.unlink()
    for notes in sorted(work.rglob("*.gcno"), key=lambda path: (path.parent != work / "module", path)):
        command = ["gcov", "--json-format", "--branch-probabilities", "--stdout", str(notes)]
        said = subprocess.run(command, check=True, capture_output=True, text=True, cwd=notes.parent)
        for report in map(json.loads, filter(None, said.stdout.splitlines())):
            for file in report["files"]:
                path = Path(report["current_working_directory"], file["file"]).resolve()
                if path.is_relative_to(MODULE) and path.suffix == ".c":
                    text = path.read_text().splitlines()
                    for line in file["lines"]:
                        number = line["line_number"]
                        logs = LOGGING.search(text[number - 1])
                        ways = [] if logs else [branch["count"] > 0 for branch in line["branches"]]
                        found.setdefault(path, File()).add(number, line["count"] > 0, ways)
    return found


def ranges(numbers: Iterable[int]) -> str:
    text: list[list[int]] = []
    for number in sorted(numbers):
        if text and number == text[-1][1] + 1:
            text[-1][1] = number
        else:
            text.append([number, number])
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in text)


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def table(found: dict[Path, File], show_lines: bool) -> tuple[float, float]:
    """Prints it; the percentages of all lines and branches."""
    total = [0, 0, 0, 0]
    print(f"\n{'file':<34}{'lines':>7}{'run':>7}{'%':>8}{'branches':>10}{'taken':>7}{'%':>8}")
    for path, file in sorted(found.items()):
        counts = file.counts()
        total = [a + b for a, b in zip(total, counts)]
        print(row(str(path.relative_to(MODULE)), *counts))
        if show_lines and counts[1] < counts[0]:
            print(f"    not run: {ranges(number for number, was_run in file.lines.items() if not was_run)}")
        if show_lines and (partly := file.partly()):
            print(f"    some branch not taken: {ranges(partly)}")
    print(row("all", *total))
    return percent(total[1], total[0]), percent(total[3], total[2])


def row(name: str, lines: int, ran: int, branches: int, taken: int) -> str:
    shares = percent(ran, lines), percent(taken, branches)
    return f"{name:<34}{lines:>7}{ran:>7}{shares[0]:>8.1f}{branches:>10}{taken:>7}{shares[1]:>8.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--least", type=float, default=90.0)
    parser.add_argument("--least-branches", type=float, default=80.0)
    parser.add_argument("--lines", action="store_true")
    options, arguments = parser.parse_known_args()
    work = Path(tempfile.mkdtemp(prefix="wsgi-lines-"))
    work.chmod(0o755)  # daemons write their counters there
    try:
        module = build(work / "module")
        passed = run_units(work) & run_suite(module, arguments)
        found = read(work)
        lines, branches = table(found, options.lines)
    finally:
        shutil.rmtree(work)
    enough = lines >= options.least and branches >= options.least_branches
    if not enough:
        print(f"fewer than {options.least:g} % of the lines or {options.least_branches:g} % of the branches were run")
    complaints = messages.complaints({path: file.lines for path, file in found.items()})
    print(*complaints, sep="\n")
    return 0 if passed and enough and not complaints else 1


if __name__ == "__main__":
    sys.exit(main())
