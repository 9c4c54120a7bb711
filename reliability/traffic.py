# SPDX-License-Identifier: Apache-2.0
"""Clients that keep a server busy from processes of their own and judge every answer.

A kept connection that the server closes before the first byte of an answer is no failure: HTTP lets it do so, and a
client sends that request again. Everything else that is not a whole 200 is one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tally:
    answered: int = 0
    closed_idle: int = 0  # kept connections that ended between two requests
    failures: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0  # seconds

    @property
    def failed(self) -> int:
        return sum(self.failures.values())

    def add(self, other: Tally) -> None:
        self.answered += other.answered
        self.closed_idle += other.closed_idle
        self.failures += other.failures
        self.longest = max(self.longest, other.longest)


class Traffic(Tally):
    """The tally of all, complete when the load has ended."""

    def __init__(self, progress: list[Any]) -> None:
        super().__init__()
        self._progress = progress

    def so_far(self) -> int:
        """Answers, while the load still runs."""
        return sum(shown.value for shown in self._progress)


class _Client:
    """One connection after the other, or one kept."""

    def __init__(self, port: int, path: str, kept: bool, tally: Tally) -> None:
        self.port, self.kept, self.tally = port, kept, tally
        ending = "" if kept else "Connection: close\r\n"
        self.request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{ending}\r\n".encode()
        self.socket: socket.socket | None = None
        self.fresh = True

    def begin(self) -> socket.socket:
        self.buffer = b""
        self.since = time.monotonic()
        if self.socket is None:
            self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
            self.fresh = True
        with contextlib.suppress(OSError):  # recv tells
            self.socket.sendall(self.request)
        return self.socket

    def end(self) -> None:
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _fail(self, what: str) -> bool:
        self.tally.failures[what] += 1
        self.end()
        return True

    def hear(self) -> bool:
        """More of the answer is there. True when it is over, one way or the other."""
        assert self.socket is not None
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        self.buffer += data
        if not data and not self.buffer and not self.fresh:
            self.tally.closed_idle += 1
            self.end()
            return True
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return self._fail("no answer") if not data else False
        length = head.lower().find(b"content-length:")
        if length < 0:
            return self._fail(f"no Content-Length: {head[:40]!r}")
        wanted = int(head[length + 15 :].split(b"\r\n", 1)[0])
        if len(body) < wanted:
            return self._fail("cut answer") if not data else False
        status = head[9:12].decode()
        if status != "200":
            return self._fail(f"status {status}")
        self.tally.answered += 1
        self.tally.longest = max(self.tally.longest, time.monotonic() - self.since)
        self.fresh = False
        if not self.kept or b"connection: close" in head.lower():
            self.end()
        return True


def _work(port: int, path: str, clients: int, kept: int, over: Any, progress: Any, result: Any) -> None:
    tally = Tally()
    selector = selectors.DefaultSelector()
    crew = [_Client(port, path, number < kept, tally) for number in range(clients)]

    def begin(client: _Client) -> None:
        try:
            selector.register(client.begin(), selectors.EVENT_READ, client)
        except OSError as error:
            tally.failures[f"cannot connect: {error}"] += 1
            time.sleep(0.05)

    for client in crew:
        begin(client)
    while selector.get_map():
        progress.value = tally.answered
        ready = selector.select(30)
        if not ready:
            tally.failures["no answer within 30 s"] += len(selector.get_map())
            break
        for key, _ in ready:
            client = key.data
            if client.hear():
                selector.unregister(key.fileobj)
                if not over.is_set():
                    begin(client)
        for client in crew:
            if client.socket is None and not over.is_set():
                begin(client)
    result.send(tally)


@contextlib.contextmanager
def traffic(port: int, path: str, clients: int = 16, kept: int | None = None) -> Iterator[Traffic]:
    """Half of the clients keep their connections unless told otherwise. The tally is complete after the block."""
    kept = clients // 2 if kept is None else kept
    context = multiprocessing.get_context("fork")
    over = context.Event()
    shares = [(clients // 2, kept // 2), (clients - clients // 2, kept - kept // 2)]
    tally = Traffic([context.Value("q", 0, lock=False) for _ in shares])
    crew = []
    for share, shown in zip(shares, tally._progress):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(port, path, *share, over, shown, theirs), daemon=True)
        process.start()
        theirs.close()
        crew.append((process, ours))
    try:
        yield tally
    finally:
        over.set()
        for process, ours in crew:
            tally.add(ours.recv())
            process.join()
