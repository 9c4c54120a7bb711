# SPDX-License-Identifier: Apache-2.0
"""The notes, in one SQLite file that several processes and threads share."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TABLE = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY,
    written TEXT NOT NULL,
    author TEXT NOT NULL,
    text TEXT NOT NULL
)
"""


class Note(NamedTuple):
    written: str
    author: str
    text: str


def data_directory() -> Path:
    """The directory that the application may write to; never guessed, so that no data lands in a stray place."""
    name = os.environ.get("MOD_WSGI_DATA_DIR")
    if not name:
        raise RuntimeError("MOD_WSGI_DATA_DIR is not set: name a directory that the application may write to")
    return Path(name)


class Notes:
    """One connection per call: nothing to share between threads, and SQLite's own lock orders the processes."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "guestbook.sqlite3"
        with self._connect() as connection:
            connection.execute(TABLE)

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._file, timeout=10)
        try:
            with connection:
                yield connection
        finally:
            connection.close()

    def add(self, author: str, text: str) -> None:
        written = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        with self._connect() as connection:
            connection.execute("INSERT INTO notes (written, author, text) VALUES (?, ?, ?)", (written, author, text))

    def latest(self, limit: int = 50) -> list[Note]:
        query = "SELECT written, author, text FROM notes ORDER BY id DESC LIMIT ?"
        with self._connect() as connection:
            return [Note(*row) for row in connection.execute(query, (limit,))]

    def count(self) -> int:
        with self._connect() as connection:
            return connection.execute("SELECT count(*) FROM notes").fetchone()[0]
