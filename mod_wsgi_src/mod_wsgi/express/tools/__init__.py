# SPDX-License-Identifier: Apache-2.0
"""Debugging tools inside the process of the application. Each is entered around every step that runs its code.

A step is the loading of the application, its call, each item of its response, and the close of the response. The
recorder is no such tool: it looks at requests, not at code.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any, Callable

Application = Callable[..., Iterable[bytes]]
Tool = AbstractContextManager[object]  # entered again and again, never twice at once: there is one thread
_END = object()


class Steps:
    """All tools, entered in their order around a step."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = list(tools)

    def run(self, function: Callable[..., Any], *arguments: object) -> Any:
        with ExitStack() as stack:
            for tool in self._tools:
                stack.enter_context(tool)
            return function(*arguments)


class _Response:
    """The application's response, each item of it a step."""

    def __init__(self, steps: Steps, result: Iterable[bytes]) -> None:
        self._steps, self._result = steps, result

    def __iter__(self) -> Iterator[bytes]:
        items = self._steps.run(iter, self._result)
        while True:
            item = self._steps.run(next, items, _END)
            if item is _END:
                return
            yield item

    def close(self) -> None:
        close = getattr(self._result, "close", None)
        if close:
            self._steps.run(close)


def _wrap(steps: Steps, application: Application) -> Application:
    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        result = steps.run(application, environ, start_response)
        # A list runs no code of the application, and the server tells its length to the client.
        return result if isinstance(result, (list, tuple)) else _Response(steps, result)

    return wrapped


def load(wanted: Mapping[str, Mapping[str, Any]], loader: Callable[[], Application]) -> Application:
    """Starts the tools, loads the application with them, and puts them around it."""
    found = {name: importlib.import_module(f"{__name__}.{name}").start(**given) for name, given in wanted.items()}
    recorder = found.pop("recorder", None)
    steps = Steps(found.values())
    application = steps.run(loader)
    if found:
        application = _wrap(steps, application)
    return recorder(application) if recorder else application
