# SPDX-License-Identifier: Apache-2.0
"""cProfile around the application; profile and report are written when the process ends."""

from __future__ import annotations

import atexit
import cProfile
import os
import pstats
import sys
import time


def start(directory: str) -> cProfile.Profile:
    profile = cProfile.Profile()  # entered and left, it adds to what it has

    def report() -> None:
        name = os.path.join(directory, f"{time.time_ns() // 1000}-{os.getpid()}")
        with open(f"{name}.txt", "w", encoding="utf-8") as stream:
            figures = pstats.Stats(profile, stream=stream)
            figures.sort_stats("cumulative").print_stats()
        figures.dump_stats(f"{name}.pstats")
        print(f"mod_wsgi-express: profile {name}.txt (for tools: {name}.pstats)", file=sys.stderr)

    atexit.register(report)
    return profile
