# SPDX-License-Identifier: Apache-2.0
"""Reads the dynamic section of ELF files and replaces their run path in place. No tool, no library: plain bytes."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from dataclasses import dataclass

_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 14, 15, 29
# Other entries whose value is an offset into the string table: CONFIG, DEPAUDIT, AUDIT, AUXILIARY, USED, FILTER.
_DT_OTHER_STRINGS = (0x6FFFFEFA, 0x6FFFFEFB, 0x6FFFFEFC, 0x7FFFFFFD, 0x7FFFFFFE, 0x7FFFFFFF)


class NotElfError(ValueError):
    """The file is something else: a script, a static archive, another system's binary."""


class DoesNotFitError(ValueError):
    """The new run path cannot be written in place of the old one."""


@dataclass(frozen=True)
class Dynamic:
    """What the run-time linker is told by one file. Paths are lists separated by colons, '' when not there."""

    needed: tuple[str, ...]
    soname: str
    rpath: str
    runpath: str

    @property
    def search_path(self) -> str:
        """The list that the linker obeys: DT_RPATH is ignored when there is a DT_RUNPATH."""
        return self.runpath or self.rpath


class _Image:
    """An ELF file in memory. Works from the program headers, so that a stripped file is no different."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != b"\x7fELF" or len(data) < 52 or data[4] not in (1, 2) or data[5] not in (1, 2):
            raise NotElfError("not an ELF file")
        self.data = data
        self._wide = data[4] == 2
        self._order = "<" if data[5] == 1 else ">"
        try:
            self._segments = self._read_segments()
            self.entries = self._read_entries()
        except (struct.error, OverflowError):
            raise NotElfError("a damaged ELF file") from None
        self.strings = self._offset(next((value for tag, value in self.entries if tag == _DT_STRTAB), 0))

    def _unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        return struct.unpack_from(self._order + layout, self.data, offset)

    def _read_segments(self) -> list[tuple[int, int, int, int]]:
        """(type, file offset, address, size in the file) of every program header."""
        (start,) = self._unpack("Q", 32) if self._wide else self._unpack("I", 28)
        size, count = self._unpack("HH", 54 if self._wide else 42)
        segments = []
        for offset in range(start, start + size * count, size or 1):
            if self._wide:
                kind, _, where, address, _, length = self._unpack("IIQQQQ", offset)
            else:
                kind, where, address, _, length = self._unpack("IIIII", offset)
            segments.append((kind, where, address, length))
        return segments

    def _read_entries(self) -> list[tuple[int, int]]:
        layout, step = ("QQ", 16) if self._wide else ("II", 8)
        entries = []
        for kind, where, _, length in self._segments:
            if kind != _PT_DYNAMIC:
                continue
            for offset in range(where, where + length, step):
                tag, value = self._unpack(layout, offset)
                if tag == _DT_NULL:
                    break
                entries.append((tag, value))
        return entries

    def _offset(self, address: int) -> int:
        for kind, where, start, length in self._segments:
            if kind == _PT_LOAD and start <= address < start + length:
                return address - start + where
        return 0

    def string(self, offset: int) -> bytes:
        start = self.strings + offset
        end = self.data.find(b"\0", start)
        if end < 0:
            raise NotElfError("a damaged ELF file")
        return self.data[start:end]

    def strings_of(self, tag: int) -> list[str]:
        return [os.fsdecode(self.string(value)) for found, value in self.entries if found == tag]


def read(path: str) -> Dynamic:
    """The dynamic section of a file. Raises NotElfError or OSError; a static ELF file gives an empty answer."""
    image = _load(path)
    return Dynamic(
        needed=tuple(image.strings_of(_DT_NEEDED)),
        soname="".join(image.strings_of(_DT_SONAME)[:1]),
        rpath=":".join(image.strings_of(_DT_RPATH)),
        runpath=":".join(image.strings_of(_DT_RUNPATH)),
    )


def replace_run_path(path: str, new: str) -> bool:
    """Makes `new` the run path of a file that has one. True when the file was written, False when it was so already.

    The string is overwritten where it lies, the file appears by rename with the mode and owner it had. Raises
    DoesNotFitError, with the file untouched, when that is impossible.
    """
    image = _load(path)
    wanted = os.fsencode(new)
    offsets = {value for tag, value in image.entries if tag in (_DT_RPATH, _DT_RUNPATH)}
    stale = sorted(offset for offset in offsets if image.string(offset) != wanted)
    if not stale:
        return False
    data = bytearray(image.data)
    for offset in stale:
        _check_room(path, image, offset, wanted)
        start = image.strings + offset
        data[start : start + len(wanted) + 1] = wanted + b"\0"
    _write(path, bytes(data))
    return True


def _load(path: str) -> _Image:
    with open(path, "rb") as stream:
        if stream.read(4) != b"\x7fELF":
            raise NotElfError(f"{path}: not an ELF file")
        stream.seek(0)
        return _Image(stream.read())


def _check_room(path: str, image: _Image, offset: int, wanted: bytes) -> None:
    """Refuses when overwriting could change another string. Linkers let a string share the tail of a longer one."""
    old = image.string(offset)
    where = f"{path}: its run path {os.fsdecode(old)!r}"
    if len(wanted) > len(old):
        raise DoesNotFitError(f"{where} is shorter than {os.fsdecode(wanted)!r}, which must take its place")
    if offset and image.data[image.strings + offset - 1] != 0:
        raise DoesNotFitError(f"{where} is the tail of another string of the file")
    for tag, value in image.entries:
        is_string = tag in (_DT_NEEDED, _DT_SONAME, _DT_RPATH, _DT_RUNPATH, *_DT_OTHER_STRINGS)
        if is_string and offset < value <= offset + len(wanted):
            raise DoesNotFitError(f"{where} shares its tail with another entry of the file")
    # Names of symbols may share a tail as well, but hold no slash: one beyond the overwritten part proves that no
    # symbol's name begins in it.
    if b"/" not in old[len(wanted) + 1 :]:
        raise DoesNotFitError(f"{where} is too short to be replaced by {os.fsdecode(wanted)!r} safely")


def _write(path: str, data: bytes) -> None:
    directory, name = os.path.split(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=directory)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        status = os.stat(path)
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, status.st_uid, status.st_gid)
        shutil.copystat(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
