# SPDX-License-Identifier: Apache-2.0
"""Keeps requests and responses in files: <microseconds>-<pid>-<number>, and what it is.

.iheaders   the environ: JSON, texts, numbers and booleans only
.icontent   the request body
.oheaders   {"status": ..., "headers": [[name, value], ...]}
.ocontent   the response body
.oaexcept   traceback of an exception in the call, .orexcept while iterating, .ofexcept in close()
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, Callable

Application = Callable[..., Iterable[bytes]]
_numbers = itertools.count(1)


class _Record:
    """The files of one request."""

    def __init__(self, directory: str) -> None:
        self._name = os.path.join(directory, f"{time.time_ns() // 1000}-{os.getpid()}-{next(_numbers)}")
        self._content = self.open("ocontent", "xb")

    def open(self, what: str, mode: str) -> Any:
        def private(path: str, flags: int) -> int:
            return os.open(path, flags, 0o600)

        return open(f"{self._name}.{what}", mode, encoding=None if "b" in mode else "utf-8", opener=private)

    def json(self, what: str, content: object) -> None:
        with self.open(what, "w") as stream:
            json.dump(content, stream, indent=1)

    def request(self, environ: dict[str, Any]) -> None:
        plain = {name: value for name, value in environ.items() if isinstance(value, (str, int, bool))}
        self.json("iheaders", dict(sorted(plain.items())))
        # The whole body before the application sees it: what it leaves unread belongs to the request as well.
        with self.open("icontent", "xb") as stream:
            shutil.copyfileobj(environ["wsgi.input"], stream)
        environ["wsgi.input"] = self.open("icontent", "rb")

    def body(self, data: bytes) -> bytes:
        self._content.write(data)
        return data

    def failed(self, what: str) -> None:
        with self.open(what, "w") as stream:
            traceback.print_exc(file=stream)

    def close(self) -> None:
        self._content.close()


class _Response:
    def __init__(self, record: _Record, result: Iterable[bytes]) -> None:
        self._record, self._result = record, result

    def __iter__(self) -> Iterator[bytes]:
        try:
            for item in self._result:
                yield self._record.body(item)
        except Exception:
            self._record.failed("orexcept")
            raise

    def close(self) -> None:
        try:
            close = getattr(self._result, "close", None)
            if close:
                close()
        except Exception:
            self._record.failed("ofexcept")
            raise
        finally:
            self._record.close()


def start(directory: str) -> Callable[[Application], Application]:
    def around(application: Application) -> Application:
        def recorded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            record = _Record(directory)
            record.request(environ)

            def begin(status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
                write = start_response(status, headers, *error)
                record.json("oheaders", {"status": status, "headers": headers})
                return lambda data: write(record.body(data))

            try:
                return _Response(record, application(environ, begin))
            except Exception:
                record.failed("oaexcept")
                record.close()
                raise

        return recorded

    return around
