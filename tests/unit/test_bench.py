# SPDX-License-Identifier: Apache-2.0
"""The bench's arithmetic: medians, ratios, goals, the chart; and that it counts calls, not strace's own lines."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))

import chart
import goals
import report
import syscalls
from measure import WORKLOADS, Sample

MODES = {
    "C handler": "floor",
    "reference embedded": "embedded",
    "ours embedded": "embedded",
    "reference daemon": "daemon",
    "ours daemon": "daemon",
}
STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 97.61    1.861378        1259      1478        43 futex
  1.53    0.029161          97       300           epoll_wait
  0.14    0.002631           8       200        94 read
------ ----------- ----------- --------- --------- ----------------
100.00    1.906896         425      1978       137 total
"""


def sample(cpu_us: float, p99_ms: float = 1.0) -> Sample:
    return Sample(requests=1000, seconds=1.0, cpu=cpu_us / 1000, p50_ms=0.5, p99_ms=p99_ms)


def samples(**costs: float) -> goals.Samples:
    rows = {name: [sample(100.0), sample(120.0), sample(900.0)] for name in MODES}
    rows.update({name.replace("_", " "): [sample(cost)] for name, cost in costs.items()})
    return {"hello": rows}


def verdicts(measured: goals.Samples, calls: goals.Calls) -> dict[str, bool]:
    return {goal.text: goal.met for goal in goals.check(measured, calls)}


def test_goals_are_met_up_to_their_limit() -> None:
    name = "hello: CPU time, ours daemon / reference daemon"
    assert verdicts(samples(ours_daemon=35.0, reference_daemon=100.0), {})[name]
    assert not verdicts(samples(ours_daemon=36.0, reference_daemon=100.0), {})[name]


def test_system_calls_are_compared_with_the_floor() -> None:
    calls = {"C handler": {"child": 9.0, "behind": 0.0}, "ours daemon": {"child": 11.0, "behind": 4.2}}
    found = verdicts(samples(), calls)
    assert found["system calls of an Apache child in daemon mode beyond the C handler's"]
    assert not found["system calls of a daemon"]


def test_the_table_shows_medians_and_the_best_p99() -> None:
    measured = samples()
    measured["hello"]["ours daemon"] = [sample(60.0, 9.0), sample(50.0, 2.0), sample(70.0, 5.0)]
    (line,) = [line for line in report.table(MODES, measured).splitlines() if line.startswith("ours daemon")]
    assert line.split()[2:] == ["60.0", "17%", "1000", "0.50", "0.50", "0.5", "2.0"]


def test_what_is_kept_can_be_shown_again(tmp_path: Path) -> None:
    measured = samples()
    path = report.keep([], measured, {"C handler": {"child": 9.0, "behind": 0.0}}, {"rounds": 3}, tmp_path)
    _, again, calls = report.load(path)
    assert again == measured
    assert calls["C handler"]["child"] == 9.0


def test_the_chart_has_a_bar_for_each_contender() -> None:
    root = ElementTree.fromstring(chart.draw(samples(ours_daemon=10.0)))
    bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("x")]
    assert len(bars) == len(MODES)
    widths = [float(bar.get("width", "0")) for bar in bars]
    assert min(widths) == widths[-1]  # ours daemon
    assert set(MODES) <= set(chart.COLOURS)


def test_idle_waits_and_the_sum_are_no_calls(tmp_path: Path) -> None:
    output = tmp_path / "strace"
    output.write_text(STRACE)
    assert syscalls._total(output) == 500


def test_every_goal_names_a_workload() -> None:
    names = {workload.name for workload in WORKLOADS}
    assert {goal[0] for goal in (*goals.COSTS, *goals.LATENCIES)} <= names
