# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios, the tables, and the JSON that keeps every sample."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from dataclasses import asdict
from pathlib import Path

from contenders import Contender
from goals import FLOOR, Calls, Samples, check, cpu_us, p99_ms
from measure import Sample

COLUMNS = "{:<22}{:>10}{:>9}{:>9}{:>12}{:>14}{:>9}{:>9}"
HEADINGS = ("CPU us", "+-", "req/s", "/ C handler", "/ reference", "p50 ms", "p99 ms")


def table(modes: dict[str, str], samples: Samples) -> str:
    """One block a workload. Ratios are of CPU time for each request; requests a second depend on the machine's mood."""
    lines = []
    for workload, rows in samples.items():
        floor = cpu_us(rows[FLOOR])
        lines += ["", COLUMNS.format(workload, *HEADINGS)]
        for name, taken in rows.items():
            cost = cpu_us(taken)
            spread = max(abs(sample.cpu_us - cost) for sample in taken) / cost
            rate = statistics.median(sample.requests / sample.seconds for sample in taken)
            reference = rows.get(f"reference {modes[name]}")
            against = (f"{cost / floor:.2f}", f"{cost / cpu_us(reference):.2f}" if reference else "")
            latency = (f"{statistics.median(sample.p50_ms for sample in taken):.1f}", f"{p99_ms(taken):.1f}")
            lines.append(COLUMNS.format(name, f"{cost:.1f}", f"{spread:.0%}", f"{rate:.0f}", *against, *latency))
    return "\n".join(lines)


def calls_table(calls: Calls) -> str:
    lines = ["", f"{'system calls, hello':<22}{'Apache child':>14}{'behind it':>12}"]
    lines += [f"{name:<22}{found['child']:>14.1f}{found['behind']:>12.1f}" for name, found in calls.items()]
    return "\n".join(lines)


def goals_table(samples: Samples, calls: Calls) -> str:
    lines = ["", f"{'goal':<78}{'value':>7}{'at most':>9}"]
    for goal in check(samples, calls):
        lines.append(f"{goal.text:<78}{goal.value:>7.2f}{goal.limit:>9.2f}  {'ok' if goal.met else 'miss'}")
    return "\n".join(lines)


def keep(contenders: list[Contender], samples: Samples, calls: Calls, options: dict[str, int], where: Path) -> Path:
    """Everything that was measured, to be compared later."""
    where.mkdir(parents=True, exist_ok=True)
    document = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "machine": platform.machine()},
        "options": options,
        "modes": {contender.name: contender.mode for contender in contenders},
        "samples": {
            workload: {name: [asdict(sample) for sample in taken] for name, taken in rows.items()}
            for workload, rows in samples.items()
        },
        "calls": calls,
    }
    path = where / f"bench-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(path)
    return path


def load(path: Path) -> tuple[dict[str, str], Samples, Calls]:
    document = json.loads(path.read_text())
    samples = {
        workload: {name: [Sample(**sample) for sample in taken] for name, taken in rows.items()}
        for workload, rows in document["samples"].items()
    }
    return document["modes"], samples, document["calls"]
