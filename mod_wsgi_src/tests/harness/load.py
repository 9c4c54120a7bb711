# SPDX-License-Identifier: Apache-2.0
"""Steady load from a few threads, counting every answer."""

from __future__ import annotations

import threading
from collections import Counter

from .client import ClosedError, fetch
from .server import Httpd


class Load:
    """with Load(server, "/pid") as load: ...; afterwards load.failed tells what was not a whole 200."""

    def __init__(self, server: Httpd, path: str, threads: int = 4) -> None:
        self.server = server
        self.path = path
        self.bodies: Counter[bytes] = Counter()
        self.failed: list[str] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def answered(self) -> int:
        return sum(self.bodies.values())

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                response = fetch(self.server.port, self.path)
                trouble = "" if response.status == 200 and response.complete else f"status {response.status}"
            except (OSError, ClosedError) as error:
                trouble = repr(error)
            with self._lock:
                if trouble:
                    self.failed.append(trouble)
                else:
                    self.bodies[response.body] += 1


def at_once(server: Httpd, paths: list[str]) -> list[int]:
    """The statuses of requests that run at the same time, in the order of the paths; 0 for a closed connection."""
    statuses = [0] * len(paths)

    def one(index: int) -> None:
        try:
            statuses[index] = fetch(server.port, paths[index]).status
        except (OSError, ClosedError):
            statuses[index] = 0

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(paths))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses
