# SPDX-License-Identifier: Apache-2.0
"""What this server wants to reach, and whether it does."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from measure import Sample

Samples = dict[str, dict[str, list[Sample]]]
Calls = dict[str, dict[str, float]]
EMBEDDED, DAEMON, FLOOR = "ours embedded", "ours daemon", "C handler"
P99_SLACK = 1.05


@dataclass(frozen=True)
class Goal:
    """`value` is a ratio, or a number of system calls; at most `limit` is wanted."""

    text: str
    value: float
    limit: float

    @property
    def met(self) -> bool:
        return round(self.value, 2) <= self.limit


def cpu_us(samples: list[Sample]) -> float:
    return statistics.median(sample.cpu_us for sample in samples)


def p99_ms(samples: list[Sample]) -> float:
    """The best round: a disturbance only ever makes it worse."""
    return min(sample.p99_ms for sample in samples)


# Workload, who, against whom, the most that the quotient of their CPU time may be.
COSTS = (
    ("hello", DAEMON, "reference daemon", 0.35),
    ("40 headers", DAEMON, "reference daemon", 0.38),
    ("POST 10 KB", DAEMON, "reference daemon", 0.32),
    ("1 MiB response", DAEMON, "reference daemon", 0.32),
    ("hello", DAEMON, "Debian's daemon", 0.46),
    ("hello", DAEMON, "uwsgi behind httpd", 0.80),
    ("hello", EMBEDDED, "reference embedded", 0.60),
    ("40 headers", EMBEDDED, "reference embedded", 0.67),
    ("1 MiB response", EMBEDDED, "reference embedded", 0.85),
    ("hello", EMBEDDED, FLOOR, 1.30),
)
LATENCIES = (("hello", DAEMON, "reference daemon", 0.70), ("hello", EMBEDDED, "reference embedded", 0.70))
DAEMON_CALLS = 4.1


def check(samples: Samples, calls: Calls) -> list[Goal]:
    goals = []
    for workload, ours, other, limit in COSTS:
        rows = samples.get(workload, {})
        if ours in rows and other in rows:
            value = cpu_us(rows[ours]) / cpu_us(rows[other])
            goals.append(Goal(f"{workload}: CPU time, {ours} / {other}", value, limit))
    for workload, ours, other, limit in LATENCIES:
        rows = samples.get(workload, {})
        if ours in rows and other in rows:
            value = p99_ms(rows[ours]) / p99_ms(rows[other])
            goals.append(Goal(f"{workload}: p99, {ours} / {other}", value / P99_SLACK, limit))
    if DAEMON in calls and FLOOR in calls:
        own = calls[DAEMON]["child"] - calls[FLOOR]["child"]
        goals.append(Goal("system calls of an Apache child in daemon mode beyond the C handler's", own, 2))
        goals.append(Goal("system calls of a daemon", calls[DAEMON]["behind"], DAEMON_CALLS))
    return goals
