# SPDX-License-Identifier: Apache-2.0
"""Runs inside a process of the application: has it replaced when a watched file changes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Callable

from .inotify import Notifier

NAME = "mod_wsgi-express reloader"
INTERVAL = 1.0  # seconds between two looks at what is loaded
TICK = 0.02  # kernels stamp files with the time of their last tick, which may be so long ago

Stamp = tuple[int, int]
GONE: Stamp = (0, 0)


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


def _stamp(name: str) -> Stamp | None:
    """Modification time and size; None for what cannot be told."""
    try:
        found = os.stat(name)
    except FileNotFoundError:
        return GONE
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


class Watch:
    """Stamps seen before; `changed` tells the first file whose stamp differs now, or that is gone."""

    def __init__(self, files: Callable[[], Iterable[str]]) -> None:
        self._files = files
        self._seen: dict[str, Stamp] = {}
        self._looked = time.time()

    def files(self) -> list[str]:
        return list(self._files())

    def note(self, name: str) -> None:
        """This file is about to be loaded: whatever it is changed to from now on does not run."""
        stamp = _stamp(name)
        if stamp:
            self._seen.setdefault(name, stamp)

    def changed(self, everything: bool = True) -> str | None:
        """Not `everything`: looks only at files that are new here."""
        before, self._looked = self._looked, time.time()
        for name in self._files():
            known = name in self._seen
            if known and not everything:
                continue
            now = _stamp(name)
            if now is None:
                continue
            # Loaded past the import system and written since the last look: perhaps after it was loaded. A time in
            # the future says nothing; without that limit each successor would be replaced too.
            fresh = not known and before - TICK < now[0] / 1e9 <= self._looked
            if self._seen.setdefault(name, now) != now or fresh:
                return name
        return None


class Witness:
    """First in sys.meta_path: has each file noted before the finders behind load from it."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        behind = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else []
        for finder in behind:
            find = getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                if spec.has_location and spec.origin:
                    self._note(spec.origin)
                return spec
        return None


class Bell:
    """Rings when it may be worth while to look at the files: when the system says so, else every INTERVAL."""

    def __init__(self) -> None:
        self._notifier: Notifier | None = None
        self._watched: set[str] = set()
        with contextlib.suppress(OSError):
            self._notifier = Notifier()

    def wait(self, files: Iterable[str]) -> bool:
        if self._notifier:
            try:
                new = {os.path.dirname(name) for name in files} - self._watched
                for directory in new:
                    self._notifier.watch(directory)
                self._watched |= new
                # What changed before its directory was watched rings for nobody: look again.
                return bool(new) or self._notifier.wait(INTERVAL)
            except OSError:  # as many watches as the system allows
                self._notifier = None
        time.sleep(INTERVAL)
        return True


def _watch(watch: Watch, process: int) -> None:
    bell, everything = Bell(), True
    while True:
        name = watch.changed(everything)
        if name:
            print(f"mod_wsgi-express: {name} changed, processes are replaced", file=sys.stderr, flush=True)
            # Requests are finished; the server starts a successor.
            os.kill(process, signal.SIGUSR1)
            return
        everything = bell.wait(watch.files())


def start(files: Callable[[], Iterable[str]] = loaded_files, embedded: bool = False) -> None:
    """Once in a process: a script that failed to load is executed again at the next request. Embedded in httpd, it is
    the server that replaces its processes."""
    if all(thread.name != NAME for thread in threading.enumerate()):
        process = os.getppid() if embedded else os.getpid()
        watch = Watch(files)
        sys.meta_path.insert(0, Witness(watch.note))
        threading.Thread(target=_watch, args=(watch, process), name=NAME, daemon=True).start()
