# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run, order reversed each round: our two modes, the reference's two, peers behind the same httpd,
and a handler in C."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import chart
import syscalls
from contenders import Apache, build
from goals import Calls, Samples
from measure import WORKLOADS, Sample, Server, load
from report import calls_table, goals_table, keep, table
from report import load as load_results

CHECKOUT = Path(__file__).resolve().parent.parent
RESULTS = CHECKOUT / "build" / "bench"
PAGE = CHECKOUT / "docs" / "performance.md"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure(servers: list[Server], rounds: int, seconds: int, scratch: Path) -> Samples:
    samples: dict[str, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for workload in WORKLOADS:
            for server in servers if number % 2 == 0 else reversed(servers):
                samples[workload.name][server.contender.name].append(load(server, workload, seconds, scratch))
    return samples


def count_calls(servers: list[Server]) -> Calls:
    if not shutil.which("strace"):
        say("no strace: system calls are not counted")
        return {}
    say("counting system calls")
    return {server.contender.name: syscalls.count(server, WORKLOADS[0]) for server in servers}


def show(modes: dict[str, str], samples: Samples, calls: Calls) -> str:
    return "\n".join([table(modes, samples), calls_table(calls), goals_table(samples, calls)])


def publish(path: Path) -> None:
    """Puts a measurement into the documentation."""
    modes, samples, calls = load_results(path)
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n```text{show(modes, samples, calls)}\n```\n{END}{after}")
    PAGE.with_suffix(".svg").write_text(chart.draw(samples))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="rounds over all contenders (default 6)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of load for each sample (default 2)")
    parser.add_argument("--show", type=Path, metavar="JSON", help="measure nothing, print the tables of an earlier run")
    parser.add_argument("--publish", type=Path, metavar="JSON", help="put an earlier run into docs/performance.md")
    options = parser.parse_args()
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds must be at least 1")
    if options.publish:
        publish(options.publish)
        return
    if options.show:
        print(show(*load_results(options.show)))
        return

    with tempfile.TemporaryDirectory(prefix="modwsgi-bench-") as made, contextlib.ExitStack() as running:
        scratch = Path(made)
        os.chmod(scratch, 0o755)  # the servers' children run as another user
        contenders = build(scratch, say)
        apache = Apache.find()
        servers = []
        for number, contender in enumerate(contenders):
            servers.append(Server(contender, apache, scratch / f"server-{number}"))
            running.callback(servers[-1].stop)
        for workload in WORKLOADS:  # warm: interpreters loaded, connections to daemons open
            for server in servers:
                load(server, workload, 1, scratch)
        samples = measure(servers, options.rounds, options.seconds, scratch)
        calls = count_calls(servers)

    path = keep(contenders, samples, calls, {"rounds": options.rounds, "seconds": options.seconds}, RESULTS)
    print(show(*load_results(path)))
    print(f"\nsamples: {path}")


if __name__ == "__main__":
    main()
