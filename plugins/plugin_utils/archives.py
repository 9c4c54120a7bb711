# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be released as a directory: the directory itself, or an archive unpacked beside the play for a moment."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO

TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz")
SUFFIXES = (*TAR, ".zip", ".whl")


def is_archive(path: str) -> bool:
    return path.endswith(SUFFIXES)


def _place(directory: str, name: str, strip: int) -> str | None:
    """Where a member goes; None for one that is above what is stripped."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"member '{name}' leads out of the archive. Pack it anew with relative paths")
    parts = path.parts[strip:]
    return os.path.join(directory, *parts) if parts else None


def _store(content: IO[bytes], place: str, executable: bool) -> None:
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        shutil.copyfileobj(content, file)
    os.chmod(place, 0o700 if executable else 0o600)


def _unpack_tar(path: str, directory: str, strip: int) -> None:
    with tarfile.open(path) as archive:
        for member in archive:
            place = _place(directory, member.name, strip)
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isreg() else None
            if content is None:
                raise ValueError(f"member '{member.name}' is neither file nor directory. Pack files instead of links")
            if place:
                _store(content, place, bool(member.mode & 0o100))


def _unpack_zip(path: str, directory: str, strip: int) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            place = _place(directory, member.filename, strip)
            if place and not member.is_dir():
                with archive.open(member) as content:
                    _store(content, place, bool(member.external_attr >> 16 & 0o100))


@contextmanager
def opened(source: str, strip: int = 0) -> Iterator[str]:
    """The directory with the files of a source. Raises ValueError with what is wrong and what to do."""
    if os.path.isdir(source):
        yield source
        return
    if not is_archive(source):
        raise ValueError(f"'{source}' is neither a directory nor an archive ({', '.join(SUFFIXES)})")
    with tempfile.TemporaryDirectory(prefix="mod_wsgi_release-") as directory:
        try:
            (_unpack_tar if source.endswith(TAR) else _unpack_zip)(source, directory, strip)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(f"'{source}' cannot be unpacked ({error}). Make it anew") from error
        except ValueError as error:
            raise ValueError(f"'{source}': {error}") from error
        yield directory
