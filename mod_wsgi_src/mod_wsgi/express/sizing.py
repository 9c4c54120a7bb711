# SPDX-License-Identifier: Apache-2.0
"""How many processes and threads httpd gets: arithmetic only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import bad_option
from .settings import Settings

# Both limits cannot change without a stop; leaving room keeps a change of capacity graceful.
THREAD_LIMIT = 64
SERVER_LIMIT = 16


@dataclass(frozen=True)
class Sizing:
    threads_per_child: int  # 1 for prefork
    max_workers: int
    start_servers: int
    min_spare: int  # threads; processes for prefork
    max_spare: int
    server_limit: int
    thread_limit: int


def _room(needed: int, usual: int) -> int:
    """`usual`, doubled until it is enough."""
    while usual < needed:
        usual *= 2
    return usual


def sizing(settings: Settings, mpm: str, processes: int, threads: int) -> Sizing:
    """httpd in front of daemons: enough connections to keep every daemon thread busy and some waiting."""
    busy = processes * threads
    clients = settings.max_clients or 10 + max(10, int(1.5 * busy))
    if clients < busy:
        raise bad_option(
            "max-clients", clients, f"is less than the {busy} threads of the application; give at least {busy}"
        )
    prefork = mpm == "prefork"
    initial = (0.05 if prefork else 0.2) if settings.initial_workers is None else settings.initial_workers
    minimum = initial if settings.minimum_spare_workers is None else settings.minimum_spare_workers
    usual = max(minimum, 0.1 if prefork else 0.6)
    maximum = usual if settings.maximum_spare_workers is None else settings.maximum_spare_workers
    if maximum < minimum:
        raise bad_option("maximum-spare-workers", maximum, f"is less than the minimum of {minimum}; give more")
    if prefork:
        low = max(1, int(minimum * clients))
        return Sizing(1, clients, max(1, int(initial * clients)), low, max(low + 1, int(maximum * clients)),
                      _room(clients, 256), 1)  # fmt: skip
    per_child = 10 if clients <= 20 else clients // (clients // 20 + 1)
    children = math.ceil(clients / per_child)
    workers = children * per_child
    low = max(per_child, int(minimum * workers))
    return Sizing(
        per_child, workers, max(1, int(initial * children)), low, max(low + per_child, int(maximum * workers)),
        _room(children, SERVER_LIMIT), _room(per_child, THREAD_LIMIT),
    )  # fmt: skip


def embedded_sizing(mpm: str, processes: int, threads: int) -> Sizing:
    """httpd runs the application itself: exactly the processes and threads asked for, always running."""
    if mpm == "prefork":
        workers = processes * threads
        return Sizing(1, workers, workers, 1, workers, _room(workers, 256), 1)
    workers = processes * threads
    return Sizing(threads, workers, processes, workers, workers + threads, _room(processes, SERVER_LIMIT),
                  _room(threads, THREAD_LIMIT))  # fmt: skip
