# SPDX-License-Identifier: Apache-2.0
"""pdb on the terminal of the server: after an exception of the application, at breakpoints, and at start."""

from __future__ import annotations

import bdb
import pdb
import sys
from contextlib import AbstractContextManager
from types import TracebackType

STARTUP = "The application is about to be loaded. Set breakpoints (break FILE:LINE), then continue."


class Debugger(AbstractContextManager):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.pdb = pdb.Pdb(nosigint=True)  # Ctrl-C ends the server; only httpd handles signals

    def __enter__(self) -> None:
        # Breakpoints that were set in another thread, or before the application left the debugger.
        if self.pdb.breaks and sys.gettrace() is None:
            sys.settrace(self.pdb.trace_dispatch)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sys.settrace(None)
        if isinstance(error, Exception) and not isinstance(error, bdb.BdbQuit):
            print(f"\n{kind.__name__ if kind else ''}: {error}", flush=True)
            self.pdb.reset()
            self.pdb.interaction(None, traceback)


def start(startup: bool) -> Debugger:
    debugger = Debugger()
    if startup:
        print(STARTUP, flush=True)
        try:
            debugger.pdb.set_trace()
        except bdb.BdbQuit:
            debugger.pdb.clear_all_breaks()
        sys.settrace(None)
    return debugger
