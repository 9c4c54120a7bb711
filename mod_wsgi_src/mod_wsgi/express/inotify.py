# SPDX-License-Identifier: Apache-2.0
"""Linux tells when something happens in a directory, so that nobody has to look again and again."""

from __future__ import annotations

import ctypes
import os
import select

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_TO, IN_DELETE = 0x2, 0x4, 0x8, 0x80, 0x200
CHANGES = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE
BUFFER = 65536


class Notifier:
    """Raises OSError where the system has none, or no more of them."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(None, use_errno=True)
            self._file = self._check(self._library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        except AttributeError:
            raise OSError("this system has no inotify") from None
        self._watched: set[str] = set()

    @staticmethod
    def _check(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def watch(self, directory: str) -> None:
        if directory not in self._watched and os.path.isdir(directory):
            self._check(self._library.inotify_add_watch(self._file, os.fsencode(directory), CHANGES))
            self._watched.add(directory)

    def wait(self, seconds: float) -> bool:
        """Whether something happened meanwhile."""
        ready, _, _ = select.select([self._file], [], [], seconds)
        return bool(ready and os.read(self._file, BUFFER))
