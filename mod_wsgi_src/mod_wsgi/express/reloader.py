# SPDX-License-Identifier: Apache-2.0
"""Runs inside a daemon process: replaces it when a watched file changes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from typing import Callable

NAME = "mod_wsgi-express reloader"
INTERVAL = 1.0  # seconds between two looks


def loaded_files() -> list[str]:
    """The source files of all modules loaded so far, namespace packages and built-in modules left out."""
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return [name for name in files if isinstance(name, str)]


def file_of(module: str) -> Callable[[], list[str]]:
    """Only the file of one module, once it is loaded."""

    def files() -> list[str]:
        name = getattr(sys.modules.get(module), "__file__", None)
        return [name] if isinstance(name, str) else []

    return files


class Watch:
    """Modification times seen before; `changed` tells the first file whose time differs now, or that is gone."""

    def __init__(self, files: Callable[[], Iterable[str]]) -> None:
        self._files = files
        self._seen: dict[str, float] = {}
        self._looked = time.time()

    def changed(self) -> str | None:
        before, self._looked = self._looked, time.time()
        for name in self._files():
            try:
                now = os.stat(name).st_mtime
            except FileNotFoundError:
                now = 0.0
            except OSError:
                continue
            # A module that is new here and was written since the last look: perhaps after it was loaded.
            fresh = name not in self._seen and before < now <= self._looked
            if fresh or self._seen.setdefault(name, now) != now:
                return name
        return None


def _poll(watch: Watch) -> None:
    while True:
        name = watch.changed()
        if name:
            print(
                f"mod_wsgi-express: {name} changed, this process (pid {os.getpid()}) is replaced",
                file=sys.stderr,
                flush=True,
            )
            # The process finishes its requests; the server starts a successor.
            os.kill(os.getpid(), signal.SIGUSR1)
            return
        time.sleep(INTERVAL)


def start(files: Callable[[], Iterable[str]] = loaded_files) -> None:
    """Once in a process: a script that failed to load is executed again at the next request."""
    if all(thread.name != NAME for thread in threading.enumerate()):
        threading.Thread(target=_poll, args=(Watch(files),), name=NAME, daemon=True).start()
