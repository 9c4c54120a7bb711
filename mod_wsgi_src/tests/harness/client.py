# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1 client that hides nothing: it tells whole responses from cut ones and keeps every field."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Union

TIMEOUT = 30.0
Headers = Union[Mapping[str, str], Iterable[tuple[str, str]]]


@dataclass
class Response:
    status: int
    reason: str
    version: str
    fields: list[tuple[str, str]]
    body: bytes = b""
    complete: bool = True  # framing says that nothing is missing
    interim: list[int] = field(default_factory=list)  # 1xx that came before

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    @property
    def text(self) -> str:
        return self.body.decode("latin-1")


class ClosedError(Exception):
    """The server closed the connection before a status line."""


class Connection:
    """One connection. send() raw bytes or request(), then response()."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", timeout: float = TIMEOUT, receive_buffer: int | None = None
    ) -> None:
        if receive_buffer is None:
            self.socket = socket.create_connection((host, port), timeout=timeout)
        else:  # must be set before the connection is made
            self.socket = socket.socket()
            self.socket.settimeout(timeout)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.connect((host, port))
        self.buffer = b""
        self.eof = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self,
        method: str = "GET",
        path: str = "/",
        headers: Headers = (),
        body: bytes | None = None,
        version: str = "HTTP/1.1",
    ) -> None:
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        names = {name.lower() for name, _ in given}
        if "host" not in names:
            given.insert(0, ("Host", "localhost"))
        if body is not None and not names & {"content-length", "transfer-encoding"}:
            given.append(("Content-Length", str(len(body))))
        head = f"{method} {path} {version}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in given) + "\r\n"
        self.send(head.encode("latin-1") + (body or b""))

    # --- reading ---

    def fill(self) -> bool:
        """Receives more. False at the end of the stream; a reset counts as an end."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        self.eof = self.eof or not data
        return bool(data)

    def line(self) -> str | None:
        while b"\n" not in self.buffer:
            if not self.fill():
                return None
        raw, self.buffer = self.buffer.split(b"\n", 1)
        return raw.rstrip(b"\r").decode("latin-1")

    def take(self, size: int) -> tuple[bytes, bool]:
        """Exactly size bytes and True, or what there was before the end and False."""
        pieces = [self.buffer]
        have = len(self.buffer)
        while have < size:
            self.buffer = b""
            if not self.fill():
                break
            pieces.append(self.buffer)
            have += len(self.buffer)
        data = b"".join(pieces)
        data, self.buffer = data[:size], data[size:]
        return data, len(data) == size

    def head(self) -> Response:
        first = self.line()
        if first is None:
            raise ClosedError
        version, _, rest = first.partition(" ")
        code, _, reason = rest.partition(" ")
        fields = []
        while line := self.line():
            name, _, value = line.partition(":")
            fields.append((name, value.strip()))
        return Response(int(code), reason, version, fields)

    def chunk(self) -> bytes | None:
        """The next chunk, b"" for the last one, None when the stream ends without it."""
        size_line = self.line()
        if not size_line:
            return None
        size = int(size_line.split(";")[0], 16)
        if size == 0:
            while self.line():
                pass
            return b""
        data, whole = self.take(size)
        return data if whole and self.line() == "" else None

    def response(self, method: str = "GET") -> Response:
        interim = []
        response = self.head()
        while 100 <= response.status < 200:
            interim.append(response.status)
            response = self.head()
        response.interim = interim
        if method == "HEAD" or response.status in (204, 304):
            return response
        if (response.get("Transfer-Encoding") or "").lower() == "chunked":
            pieces = []
            while piece := self.chunk():
                pieces.append(piece)
            response.body, response.complete = b"".join(pieces), piece is not None
        elif length := response.get("Content-Length"):
            response.body, response.complete = self.take(int(length))
        else:
            while self.fill():
                pass
            response.body, self.buffer = self.buffer, b""
        return response

    def drain(self) -> None:
        """Reads to the end of the stream; a reset raises ConnectionResetError."""
        while self.socket.recv(65536):
            pass

    def closed_by_server(self) -> bool:
        """Nothing more comes: the server has closed its side. Waits for it."""
        return not self.buffer and not self.fill()


def fetch(
    port: int,
    path: str = "/",
    headers: Headers = (),
    *,
    method: str = "GET",
    body: bytes | None = None,
    timeout: float = TIMEOUT,
    version: str = "HTTP/1.1",
) -> Response:
    """One request on a connection of its own."""
    with Connection(port, timeout=timeout) as connection:
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        connection.request(method, path, [*given, ("Connection", "close")], body, version)
        return connection.response(method)
