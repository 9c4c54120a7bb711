# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the module mod_wsgi_express keeps itself: written whole, and brought back after a failure."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import os
import tempfile


def read(path: str | None) -> bytes | None:
    try:
        with open(path or "", "rb") as file:
            return file.read()
    except OSError:
        return None


def write(path: str, data: bytes, mode: int) -> None:
    """Whole or not at all, and never readable by others before `mode` says so, not for a moment."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".mod_wsgi_express.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


class Files:
    """Files as they were before a change, to come back to."""

    def __init__(self, paths: list[str]) -> None:
        self._before = {
            path: (read(path), os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0) for path in paths
        }

    def restore(self) -> None:
        for path, (content, mode) in self._before.items():
            if content is not None:
                write(path, content, mode)
            else:
                remove(path)


class Service:
    """The file that defines the service to its manager; there is none without a manager."""

    def __init__(self, params: dict) -> None:
        self.manager, self.name, self.file = params["manager"], params["name"] or "", params["file"]
        self.content = (params["content"] or "").encode()
        self.before = read(self.file)
        self.digest = hashlib.sha256(self.content).hexdigest() if self.file else ""

    @property
    def differs(self) -> bool:
        return bool(self.file) and self.before != self.content

    def diff(self) -> str:
        both = (self.before or b"", self.content)
        before, after = (text.decode(errors="replace").splitlines(True) for text in both)
        return "".join(difflib.unified_diff(before, after, f"{self.file} (now)", f"{self.file} (new)"))

    def recorded(self) -> dict[str, str]:
        """For the state."""
        return {
            "service": self.digest,
            "service_manager": self.manager,
            "service_name": self.name,
            "service_file": self.file or "",
        }

    def former(self, state: State) -> Service | None:
        """What defines the server to another service manager, which has it until now."""
        manager = state.get("service_manager")
        if manager in ("", self.manager):
            return None
        name, file = state.get("service_name"), state.get("service_file")
        return Service({"manager": manager, "name": name, "file": file or None, "content": None})


class State:
    """What the running server was started with, as far as its own files do not tell, and what is still to be done."""

    def __init__(self, server_root: str) -> None:
        self.path = server_root + ".state"
        try:
            self.values = json.loads(read(self.path) or b"{}")
        except ValueError:
            self.values = {}

    def get(self, name: str) -> str:
        return self.values.get(name, "")

    def put(self, **values: str) -> None:
        if any(self.get(name) != value for name, value in values.items()):
            self.values.update(values)
            write(self.path, json.dumps(self.values, indent=2, sort_keys=True).encode() + b"\n", 0o600)
