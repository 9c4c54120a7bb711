# SPDX-License-Identifier: Apache-2.0
"""Which of the module's C files a build compiles. As a program: `sources.py all | embedded` lists them."""

from __future__ import annotations

import sys
from pathlib import Path

MODULE = Path(__file__).resolve().parents[1] / "module"

# Daemon mode: not for systems without fork() and descriptors that travel (see module/transport/platform.h).
_DAEMON_MODE = (
    "daemon/*.c",
    "apache/backlog.c",
    "apache/check_groups.c",
    "apache/client.c",
    "apache/daemon_options.c",
    "apache/generation.c",
    "apache/patience.c",
    "apache/pool.c",
    "apache/relay.c",
    "apache/score_protection.c",
    "apache/script_owner.c",
    "apache/spooling.c",
    "transport/board.c",
    "transport/readiness_*.c",
    "transport/shelf.c",
    "transport/sockets.c",
    "transport/spool.c",
)


def every(module: Path = MODULE) -> list[Path]:
    """All of them; those that are for another system are empty on this one."""
    return sorted(module.glob("*/*.c"))


def embedded(module: Path = MODULE) -> list[Path]:
    """What embedded mode alone is made of."""
    left_out = {path for pattern in _DAEMON_MODE for path in module.glob(pattern)}
    return [path for path in every(module) if path not in left_out]


if __name__ == "__main__":
    for path in {"all": every, "embedded": embedded}[sys.argv[1]]():
        print(path.relative_to(MODULE).as_posix())
