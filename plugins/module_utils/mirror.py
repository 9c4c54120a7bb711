# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory on the target that is made what a table says: owners, modes, and files that appear by rename."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import tarfile
import tempfile

from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree

# Of a module to which an action plugin sends a tree; the fragment `sent` documents them.
ARGUMENTS = {
    "directory_mode": {"type": "str", "default": "0755"},
    "file_mode": {"type": "str", "default": "0644"},
    "manifest": {"type": "dict"},
    "archive": {"type": "path"},
}


class Ownership:
    """Owner, group and modes that everything below the destination shall have."""

    def __init__(self, params: dict) -> None:
        self.uid = pwd.getpwnam(params["owner"]).pw_uid if params["owner"] else -1
        self.gid = grp.getgrnam(params["group"]).gr_gid if params["group"] else -1
        self.directory_mode = int(params["directory_mode"], 8)
        self.file_mode = int(params["file_mode"], 8)

    def mode(self, path: str, executable: bool) -> int:
        if os.path.isdir(path):
            return self.directory_mode
        return self.file_mode | ((self.file_mode & 0o444) >> 2 if executable else 0)

    def differs(self, path: str, executable: bool = False) -> bool:
        found = os.lstat(path)
        return (
            stat.S_IMODE(found.st_mode) != self.mode(path, executable)
            or self.uid not in (-1, found.st_uid)
            or self.gid not in (-1, found.st_gid)
        )

    def apply(self, path: str, executable: bool = False) -> None:
        if self.differs(path, executable):
            os.chown(path, self.uid, self.gid)
            os.chmod(path, self.mode(path, executable))


def directories(wanted: tree.Manifest) -> list[str]:
    """Directories of the wanted files, parents first; the destination itself is the empty path."""
    found = {""}
    for path in wanted:
        parent = os.path.dirname(path)
        while parent:
            found.add(parent)
            parent = os.path.dirname(parent)
    return sorted(found)


def unpack(archive: str, dest: str, wanted: tree.Manifest, ownership: Ownership) -> None:
    """Each member of the archive to its place, by rename. Only regular files with a path in the table are taken."""
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() and member.name in wanted else None
            if content is None:
                raise ValueError(f"{member.name}: not a file of the source")
            target = os.path.join(dest, member.name)
            handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".mod_wsgi_tree.")
            with os.fdopen(handle, "wb") as file:
                while chunk := content.read(tree.CHUNK):
                    file.write(chunk)
            ownership.apply(temporary, bool(wanted[member.name]["executable"]))
            os.replace(temporary, target)


def prune(dest: str, stale: list[str], kept: list[str]) -> None:
    for path in stale:
        os.unlink(os.path.join(dest, path))
    for directory in sorted({os.path.dirname(path) for path in stale} - set(kept), reverse=True):
        while directory and directory not in kept:
            try:
                os.rmdir(os.path.join(dest, directory))
            except OSError:  # something that is excluded lives there
                break
            directory = os.path.dirname(directory)


class Difference:
    """What a directory lacks, has too much, or has with a wrong owner or mode, beside a table of wanted files."""

    def __init__(self, dest: str, wanted: tree.Manifest, exclude: list[str]) -> None:
        self.dest, self.wanted = dest, wanted
        self.there = os.path.isdir(dest)
        self._found = tree.manifest(dest, exclude) if self.there else {}
        # The executable bit of what is there follows from the mode that is enforced, so contents alone are compared.
        self.needed = [
            path for path in wanted if path not in self._found or self._found[path]["sha256"] != wanted[path]["sha256"]
        ]
        self.stale = sorted(set(self._found) - set(wanted))

    @property
    def is_content(self) -> bool:
        return bool(self.needed or self.stale or not self.there)

    def shown(self) -> str:
        return "".join([f"> {path}\n" for path in self.needed] + [f"< {path}\n" for path in self.stale])

    def _executable(self, path: str) -> bool:
        return bool(path in self.wanted and self.wanted[path]["executable"])

    def wrong(self, ownership: Ownership) -> list[str]:
        """Files and directories whose owner or mode is not the wanted one."""
        paths = [*(set(self._found) - set(self.stale)), *directories(self.wanted)]
        full = ((path, os.path.join(self.dest, path)) for path in paths)
        return [
            path for path, place in full if os.path.exists(place) and ownership.differs(place, self._executable(path))
        ]

    def apply(self, ownership: Ownership, archive: str | None) -> None:
        kept = directories(self.wanted)
        for path in kept:
            os.makedirs(os.path.join(self.dest, path), exist_ok=True)
            ownership.apply(os.path.join(self.dest, path))
        if self.needed and archive:
            unpack(archive, self.dest, self.wanted, ownership)
        for path in self.wrong(ownership):
            ownership.apply(os.path.join(self.dest, path), self._executable(path))
        prune(self.dest, self.stale, kept)
