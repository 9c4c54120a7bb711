# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory seen as a table: path -> digest of the content and whether it is executable."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator

Manifest = dict[str, dict[str, object]]

CHUNK = 1 << 20


def excluded(name: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def walk(root: str, patterns: list[str]) -> Iterator[str]:
    """Paths of the files below root. A link to a directory is refused: it could lead out, or in a circle."""
    for directory, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not excluded(name, patterns))
        for name in names:
            if os.path.islink(os.path.join(directory, name)):
                raise ValueError(f"{os.path.join(directory, name)}: a link to a directory is not copied. Exclude it")
        for name in sorted(files):
            if not excluded(name, patterns):
                yield os.path.relpath(os.path.join(directory, name), root)


def digest(path: str) -> str:
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            state.update(chunk)
    return state.hexdigest()


def manifest(root: str, patterns: list[str]) -> Manifest:
    table: Manifest = {}
    for path in walk(root, patterns):
        full = os.path.join(root, path)
        table[path] = {"sha256": digest(full), "executable": os.access(full, os.X_OK)}
    return table


def checksum(table: Manifest) -> str:
    """One value for the whole tree: equal when every path, content and executable bit is equal."""
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
