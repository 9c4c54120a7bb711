# SPDX-License-Identifier: Apache-2.0
"""coverage.py around the application; the report is written when the process ends."""

from __future__ import annotations

import atexit
import sys
import threading
from contextlib import AbstractContextManager

import coverage


class Coverage(AbstractContextManager):  # type: ignore[type-arg]
    """Threads that httpd started are unknown to the threading module, so each gets the trace function from here."""

    def __enter__(self) -> None:
        trace = getattr(threading, "_trace_hook", None)
        if trace and sys.gettrace() is None:
            sys.settrace(trace)

    def __exit__(self, *_: object) -> None:
        return None


def start(directory: str, source: list[str]) -> Coverage:
    measured = coverage.Coverage(data_file=None, messages=False)
    # The application's own settings (.coveragerc and its like) come first.
    if not (measured.get_option("run:source") or measured.get_option("run:source_pkgs")):
        measured.set_option("run:source", source)

    def report() -> None:
        measured.stop()
        try:
            measured.html_report(directory=directory)
        except coverage.CoverageException as error:
            print(f"mod_wsgi-express: no coverage report: {error}", file=sys.stderr)
            return
        print(f"mod_wsgi-express: coverage report {directory}/index.html", file=sys.stderr)

    atexit.register(report)
    measured.start()
    return Coverage()
