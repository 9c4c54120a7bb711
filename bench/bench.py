# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run, order reversed each round: our two modes, the reference's two, and a handler in C."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from contenders import Apache, build
from measure import WORKLOADS, Sample, Server, load
from report import Samples, keep, table

RESULTS = Path(__file__).resolve().parent.parent / "build" / "bench"


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


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="rounds over all contenders (default 6)")
    parser.add_argument("--seconds", type=int, default=2, help="seconds of load for each sample (default 2)")
    options = parser.parse_args()
    if min(options.rounds, options.seconds) < 1:
        parser.error("--rounds and --seconds must be at least 1")

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

    print(table(WORKLOADS, contenders, samples))
    print(f"\nsamples: {keep(samples, vars(options), RESULTS)}")


if __name__ == "__main__":
    main()
