# SPDX-License-Identifier: Apache-2.0
"""Medians, ratios, the table, and the JSON that keeps every sample."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from dataclasses import asdict
from pathlib import Path

from contenders import Contender
from measure import Sample, Workload

Samples = dict[str, dict[str, list[Sample]]]
COLUMNS = "{:<22}{:>10}{:>9}{:>9}{:>12}{:>14}{:>9}"


def cpu_us(samples: list[Sample]) -> float:
    return statistics.median(sample.cpu_us for sample in samples)


def table(workloads: tuple[Workload, ...], contenders: list[Contender], samples: Samples) -> str:
    """One block a workload. Ratios are of CPU per request; requests a second depend on the machine's mood."""
    lines = []
    for workload in workloads:
        rows = samples[workload.name]
        floor = cpu_us(rows["C handler"])
        lines.append("")
        lines.append(COLUMNS.format(workload.name, "CPU us", "+-", "req/s", "/ C handler", "/ reference", "p99 ms"))
        for contender in contenders:
            taken = rows[contender.name]
            cost = cpu_us(taken)
            spread = max(abs(sample.cpu_us - cost) for sample in taken) / cost
            rate = statistics.median(sample.requests / sample.seconds for sample in taken)
            reference = rows.get(f"reference {contender.mode}")
            against = (f"{cost / floor:.2f}", f"{cost / cpu_us(reference):.2f}" if reference else "")
            p99 = statistics.median(sample.p99_ms for sample in taken)
            measured = (contender.name, f"{cost:.1f}", f"{spread:.0%}", f"{rate:.0f}")
            lines.append(COLUMNS.format(*measured, *against, f"{p99:.1f}"))
    return "\n".join(lines)


def keep(samples: Samples, options: dict[str, int], where: Path) -> Path:
    """Everything that was measured, to be compared later."""
    where.mkdir(parents=True, exist_ok=True)
    document = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"cpus": os.cpu_count(), "kernel": platform.release(), "machine": platform.machine()},
        "options": options,
        "samples": {
            workload: {name: [asdict(sample) for sample in taken] for name, taken in rows.items()}
            for workload, rows in samples.items()
        },
    }
    path = where / f"bench-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.json"
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(document, indent=1) + "\n")
    temporary.replace(path)
    return path
