# SPDX-License-Identifier: Apache-2.0
"""Sends requests that the recorder kept to a server, and compares its responses with the recorded ones."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import ExpressError, UsageError

SECONDS = 60
MARK = ".iheaders"


@dataclass(frozen=True)
class Record:
    name: Path  # without suffix
    environ: dict[str, Any]

    def _bytes(self, what: str) -> bytes:
        path = Path(f"{self.name}.{what}")
        return path.read_bytes() if path.exists() else b""

    @property
    def target(self) -> str:
        return self.environ.get("REQUEST_URI") or "/"

    @property
    def url(self) -> str:
        found = self.environ
        return f"{found['wsgi.url_scheme']}://{found['SERVER_NAME']}:{found['SERVER_PORT']}"

    @property
    def body(self) -> bytes:
        return self._bytes("icontent")

    @property
    def content(self) -> bytes:
        return self._bytes("ocontent")

    @property
    def response(self) -> dict[str, Any] | None:
        """None when the application gave no response."""
        text = self._bytes("oheaders")
        return json.loads(text) if text else None

    def headers(self) -> dict[str, str]:
        names = {name[5:]: value for name, value in self.environ.items() if name.startswith("HTTP_")}
        if self.environ.get("CONTENT_TYPE"):
            names["CONTENT_TYPE"] = self.environ["CONTENT_TYPE"]
        if self.body or self.environ.get("CONTENT_LENGTH"):
            names["CONTENT_LENGTH"] = str(len(self.body))
        for unwanted in ("CONNECTION", "TRANSFER_ENCODING", "EXPECT"):
            names.pop(unwanted, None)
        return {name.replace("_", "-").title(): value for name, value in names.items()}


def records(paths: list[str]) -> list[Record]:
    """Directories give all their records in order; a file stands for the record it belongs to."""
    names: list[Path] = []
    for path in map(Path, paths):
        found = sorted(path.glob(f"*{MARK}")) if path.is_dir() else [path.with_suffix(MARK)]
        if not found or not found[0].is_file():
            raise UsageError(f"{str(path)!r} has no records; give the recorder's directory or a file in it")
        names += found
    try:
        return [Record(name.with_suffix(""), json.loads(name.read_text(encoding="utf-8"))) for name in names]
    except (OSError, ValueError) as error:
        raise ExpressError(f"a record cannot be read ({error})") from None


def _send(record: Record, url: str) -> tuple[str, list[tuple[str, str]], bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    try:
        connection.putrequest(
            record.environ["REQUEST_METHOD"], record.target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in record.headers().items():
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders(record.body or None)
        answer = connection.getresponse()
        return f"{answer.status} {answer.reason}".strip(), answer.getheaders(), answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ExpressError(f"no response from {url} ({error}); start the server, or see --url") from None
    finally:
        connection.close()


def differences(record: Record, status: str, headers: list[tuple[str, str]], body: bytes) -> list[str]:
    """Only what the application answered: the server adds headers of its own."""
    expected = record.response
    if expected is None:
        return [] if status.startswith("500") else [f"status {status} instead of an exception"]
    found = [f"status {status} instead of {expected['status']}"] if status != expected["status"] else []
    for name in sorted({name.lower() for name, _ in expected["headers"]}):
        old = [value for key, value in expected["headers"] if key.lower() == name]
        new = [value for key, value in headers if key.lower() == name]
        if old != new:
            found.append(f"header {name}: {new} instead of {old}")
    if record.environ["REQUEST_METHOD"] != "HEAD" and body != record.content:
        at = next((i for i, pair in enumerate(zip(body, record.content)) if pair[0] != pair[1]), None)
        at = min(len(body), len(record.content)) if at is None else at
        found.append(f"body of {len(body)} instead of {len(record.content)} bytes, other from byte {at} on")
    return found


def run(paths: list[str], url: str | None) -> int:
    """Prints a line for each request; 1 when a response differs."""
    different = 0
    for record in records(paths):
        status, headers, body = _send(record, url or record.url)
        found = differences(record, status, headers, body)
        different += bool(found)
        print(f"{record.environ['REQUEST_METHOD']} {record.target} {status}: {'; '.join(found) or 'the same'}")
    return 1 if different else 0
