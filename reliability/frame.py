# SPDX-License-Identifier: Apache-2.0
"""What a goal is: an id, a sentence, a bar, and a function that measures it and tells whether the bar is met."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Callable

from harness.server import Httpd


@dataclass
class Outcome:
    value: str  # as the table shows it
    ok: bool
    detail: str = ""  # one line for whoever asks why


@dataclass
class Result:
    id: str
    what: str
    goal: str
    value: str
    ok: bool
    reference: str  # measured on mod_wsgi 6.1.1; not in this run
    seconds: float
    detail: str = ""


@dataclass
class Lab:
    """What a measurement needs: the module, and servers that are stopped after it whatever happens."""

    module: Path
    servers: list[Httpd] = field(default_factory=list)

    @contextmanager
    def httpd(self, config: str, *, start: bool = True, **options: object) -> Iterator[Httpd]:
        """A running server; see harness/server.py for the options. Its end is part of the measurement: a process, a
        socket or a crash that is left over raises AssertionError."""
        server = Httpd(self.module)
        try:
            server.configure(config, **options)  # type: ignore[arg-type]
            if start:
                server.start()
            yield server
        finally:
            server.dispose()

    @contextmanager
    def daemons(self, options: str, config: str = "", **server: object) -> Iterator[Httpd]:
        """The same with one daemon group and an application of many paths, functional/apps/responses.py."""
        lines = f"WSGIDaemonProcess app {options}\nWSGIProcessGroup app\nWSGIApplicationGroup %{{GLOBAL}}\n"
        with self.httpd(f'{lines}WSGIScriptAlias / "{{apps}}/responses.py"\n{config}', **server) as running:
            yield running


Measure = Callable[[Lab], Outcome]


@dataclass
class Goal:
    id: str
    what: str
    goal: str
    reference: str
    measure: Measure

    def run(self, lab: Lab) -> Result:
        begin = time.monotonic()
        try:
            outcome = self.measure(lab)
        except Exception as error:  # a goal that cannot be measured is not met, and the others still count
            outcome = Outcome("failed", False, f"{type(error).__name__}: {error}")
        seconds = round(time.monotonic() - begin, 1)
        return Result(self.id, self.what, self.goal, outcome.value, outcome.ok, self.reference, seconds, outcome.detail)


GOALS: list[Goal] = []


def goal(id: str, what: str, bar: str, reference: str = "-") -> Callable[[Measure], Measure]:
    """Registers a measurement. A row of its own for each; ids may repeat with another `what`."""

    def register(measure: Measure) -> Measure:
        GOALS.append(Goal(id, what, bar, reference, measure))
        return measure

    return register


def table(results: list[Result]) -> str:
    rows = [("id", "what", "value", "goal", "reference", "ok", "seconds")]
    rows += [(r.id, r.what, r.value, r.goal, r.reference, "yes" if r.ok else "NO", f"{r.seconds:g}") for r in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    lines += [f"{r.id}: {r.detail}" for r in results if r.detail and not r.ok]
    return "\n".join(lines)


def keep(results: list[Result], folder: Path) -> Path:
    """One JSON line for each result."""
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=folder)
    path = folder / time.strftime("%Y%m%d-%H%M%S.json")
    lines = [json.dumps({**asdict(result), "commit": commit.stdout.strip()}) for result in results]
    path.write_text("\n".join(lines) + "\n")
    return path
