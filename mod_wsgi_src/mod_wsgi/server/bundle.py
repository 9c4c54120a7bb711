# SPDX-License-Identifier: Apache-2.0
"""Makes the httpd that pip compiled (mod_wsgi-httpd) safe to start: its programs look for their libraries in the
directory in which pip built them, which is gone. It lay below a directory that everybody may write to, so whoever makes
it again would have code of his run by whoever starts httpd."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from . import elf

_TREES = ("bin", "lib", "modules")


class UnsafeError(RuntimeError):
    """The bundled httpd searches foreign directories for its libraries and this could not be repaired."""


@dataclass(frozen=True)
class Report:
    """What repair() found. `changed` are the files that were written (or, with dry_run, would have been)."""

    root: str
    changed: tuple[str, ...]
    unchanged: int  # ELF files with a run path that is as it should be
    has_ssl: bool


def repair(root: str, dry_run: bool = False) -> Report:
    """Makes every program and library below `root` search the bundle's own lib directory, wherever that lies.

    A second run writes nothing. Raises UnsafeError with one sentence; files already done stay done, each is whole.
    """
    changed: list[str] = []
    unchanged = 0
    libraries = os.path.join(root, "lib")
    for path in _files(root):
        try:
            current = elf.read(path).search_path
        except elf.NotElfError:
            continue
        if not current:
            continue
        wanted = _safe_path(current, path, libraries)
        if wanted == current:
            unchanged += 1
            continue
        if not dry_run:
            try:
                elf.replace_run_path(path, wanted)
            except (OSError, elf.DoesNotFitError) as error:
                raise UnsafeError(
                    f"{path} searches {current} for its libraries, which others may write to, and cannot be repaired "
                    f"({error}). Run the repair as the owner of the file, or install mod_wsgi-httpd again"
                ) from None
        changed.append(path)
    return Report(root, tuple(changed), unchanged, os.path.isfile(os.path.join(root, "modules", "mod_ssl.so")))


def _files(root: str) -> list[str]:
    found = []
    for tree in _TREES:
        for directory, _, names in os.walk(os.path.join(root, tree)):
            paths = (os.path.join(directory, name) for name in names)
            found += [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
    return sorted(found)


def _safe_path(current: str, path: str, libraries: str) -> str:
    """The run path a file should have: the bundle's lib directory in place of what pip's build left, and whatever
    directory of the system was named besides."""
    relative = os.path.relpath(libraries, os.path.dirname(path))
    own = "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"
    parts = [part if part == own or _is_trusted(part) else own for part in current.split(":")]
    return ":".join(dict.fromkeys(parts))


def _is_trusted(directory: str) -> bool:
    """A directory of the system: absolute, there, and nobody but root may change it or what leads to it."""
    if not os.path.isabs(directory) or not os.path.isdir(directory):
        return False
    current = os.path.realpath(directory)
    while True:
        status = os.stat(current)
        if status.st_uid != 0 or status.st_mode & (stat.S_IWOTH | stat.S_IWGRP):
            return False
        parent = os.path.dirname(current)
        if parent == current:
            return True
        current = parent
