# SPDX-License-Identifier: Apache-2.0
"""Measures the goals of reliability on real servers, prints a table and keeps the results."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
sys.path.insert(0, str(CHECKOUT / "mod_wsgi_src" / "tests"))

from frame import GOALS, Lab, Result, keep, table

SERVER_PYTHON = "/usr/bin/python3"  # daemons run as a user who must be able to read it


def say(text: str) -> None:
    print(f"reliability: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def module() -> Iterator[Path]:
    """The module under test: $MOD_WSGI_MODULE, that of the environment $MOD_WSGI_VENV, or one that is built now."""
    if given := os.environ.get("MOD_WSGI_MODULE"):
        yield Path(given)
        return
    with tempfile.TemporaryDirectory(prefix="modwsgi-reliability-") as made:
        os.chmod(made, 0o755)
        venv = os.environ.get("MOD_WSGI_VENV", f"{made}/venv")
        if "MOD_WSGI_VENV" not in os.environ:
            say("building the module")
            subprocess.run([SERVER_PYTHON, "-m", "venv", venv], check=True)
            install = [f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "--no-input"]
            subprocess.run([*install, str(CHECKOUT / "mod_wsgi_src")], check=True)
        command = [f"{venv}/bin/mod_wsgi-express", "module-location"]
        yield Path(subprocess.run(command, check=True, capture_output=True, text=True, cwd="/").stdout.strip())


def order(name: str) -> tuple[str, int]:
    return name[0], int(name[1:])


def main() -> int:
    for path in sorted(HERE.glob("goals_*.py")):
        importlib.import_module(path.stem)
    GOALS.sort(key=lambda goal: order(goal.id))  # rows of one goal stay in their order

    parser = argparse.ArgumentParser(prog="./run reliability", description=__doc__)
    parser.add_argument("goals", nargs="*", metavar="GOAL", help="only these, R1 for example (default: all)")
    options = parser.parse_args()
    known = {goal.id for goal in GOALS}
    if unknown := [name for name in options.goals if name not in known]:
        parser.error(f"unknown goal {unknown[0]}; there are {', '.join(sorted(known, key=order))}")

    results: list[Result] = []
    with module() as path:
        for goal in GOALS:
            if not options.goals or goal.id in options.goals:
                say(f"{goal.id} {goal.what}")
                results.append(goal.run(Lab(path)))
    print(table(results))
    print(f"\nresults: {keep(results, CHECKOUT / 'build' / 'reliability')}")
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
