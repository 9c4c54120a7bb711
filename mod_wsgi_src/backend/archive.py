# SPDX-License-Identifier: Apache-2.0
"""Writes wheels and source distributions. The same content gives the same bytes; files appear by rename."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

_EPOCH = 315532800  # 1980-01-01: the oldest time that a zip file can hold


def write_wheel(path: Path, dist_info: str, files: Mapping[str, bytes]) -> None:
    """Writes a wheel. `files` maps names in the archive to contents and holds the .dist-info but for RECORD."""
    record = f"{dist_info}/RECORD"
    lines = [f"{name},{_digest(files[name])},{len(files[name])}" for name in sorted(files)]
    complete = {**files, record: "\n".join([*lines, f"{record},,", ""]).encode()}
    # RECORD comes last, so that it can be read early from the end of the file.
    names = [*sorted(files), record]
    with _appearing(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, time.gmtime(_timestamp())[:6])
            entry.external_attr = (0o100755 if name.endswith(".so") else 0o100644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, complete[name])


def write_sdist(path: Path, top: str, root: Path, files: Iterable[Path], metadata: str) -> None:
    """Writes a source distribution of `files` below `root` with PKG-INFO in it."""
    with (
        _appearing(path) as stream,
        gzip.GzipFile("", "wb", mtime=_timestamp(), fileobj=stream) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _add(archive, f"{top}/PKG-INFO", metadata.encode(), 0o644)
        for file in files:
            mode = 0o755 if os.access(file, os.X_OK) else 0o644
            _add(archive, f"{top}/{file.relative_to(root).as_posix()}", file.read_bytes(), mode)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), mode, _timestamp()
    archive.addfile(entry, io.BytesIO(content))


def _digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _timestamp() -> int:
    return max(int(os.environ.get("SOURCE_DATE_EPOCH") or _EPOCH), _EPOCH)


@contextmanager
def _appearing(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose file gets its name when all is written."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
