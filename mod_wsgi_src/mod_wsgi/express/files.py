# SPDX-License-Identifier: Apache-2.0
"""What a server root consists of, compared with what is there, and written only where it differs."""

from __future__ import annotations

import difflib
import mimetypes
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import debugging, manifest, places, scripts
from .config import httpd_conf
from .errors import ExpressError
from .model import Model


@dataclass(frozen=True)
class File:
    path: Path
    text: str
    mode: int
    once: bool = False  # belongs to the user once it exists
    reader: int | None = None  # a group that may read it

    def current(self) -> str | None:
        """The text on disk; None when there is none."""
        try:
            return self.path.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ExpressError(f"{self.path}: cannot be read ({error.strerror}); correct its owner or mode") from None

    def _wanted(self, current: str | None) -> str:
        """What the user may have written stays; what an earlier configuration wrote in its place does not."""
        theirs = self.once and current is not None and not current.startswith(scripts.WRITTEN)
        return current if theirs and current is not None else self.text

    @property
    def state(self) -> str:
        """create | change | mode | same"""
        current = self.current()
        if current is None:
            return "create"
        if current != self._wanted(current):
            return "change"
        if self.once and self.reader is None:
            return "same"
        info = self.path.stat()
        fits = info.st_mode & 0o7777 == self.mode and self.reader in (None, info.st_gid)
        return "same" if fits else "mode"

    def diff(self) -> str:
        old, new = (self.current() or "").splitlines(True), self.text.splitlines(True)
        before = str(self.path) if self.path.exists() else os.devnull
        return "".join(difflib.unified_diff(old, new, before, str(self.path)))

    def write(self) -> None:
        """Whole or not at all: beside it, then by rename."""
        text = self._wanted(self.current())
        handle, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
        try:
            with open(handle, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
                stream.write(text)
                if self.reader is not None:
                    os.fchown(stream.fileno(), -1, self.reader)
                os.fchmod(stream.fileno(), self.mode)
            os.replace(name, self.path)
        except BaseException:
            os.unlink(name)
            raise


def _mime_types() -> str:
    lines = sorted(f"{kind} {extension.lstrip('.')}" for extension, kind in mimetypes.types_map.items())
    return "\n".join(lines) + "\n"


def render(model: Model) -> list[File]:
    """Every file of the server root. Those that may hold secrets are for the owner, and for who starts httpd."""
    root = model.server_root
    reader = model.reader.gid if model.reader else None
    secret = 0o600 if reader is None else 0o640
    found = [
        File(model.conf, httpd_conf(model), secret, reader=reader),
        File(root / "apachectl", scripts.apachectl(model), 0o755),
        File(model.envvars, scripts.envvars(model), secret, once=not model.envvars_script, reader=reader),
        File(root / manifest.NAME, manifest.text(model), secret, reader=reader),
    ]
    if model.entry.kind != "static":
        found.append(File(model.handler, scripts.handler_wsgi(model), 0o644))
    if model.services:
        found.append(File(model.service_handler, scripts.service_wsgi(model), 0o644))
    for number, (_, script) in enumerate(model.add_handler):
        found.append(File(model.resource_script(number), scripts.resource_wsgi(model, script), 0o644))
    if model.keep_logs:
        found.append(File(model.prune_script, scripts.prune_logs(model), 0o755))
    if model.enable_gdb:
        found.append(File(root / scripts.GDB_COMMANDS, scripts.gdb_commands(), 0o600))
    if model.mime_types == root / "mime.types":
        found.append(File(model.mime_types, _mime_types(), 0o644))
    return found


def directories(model: Model) -> list[tuple[Path, int]]:
    """Daemons of another user must reach their scripts; logs are for the owner."""
    root_mode = 0o755 if model.account or any(service.account for service in model.services) else 0o700
    found = [(model.server_root, root_mode)]
    if model.root_document == model.server_root / "htdocs":
        found.append((model.root_document, root_mode))
    if model.settings.runtime_directory and not model.reader:  # the reader's own is made by who starts it
        found.append((model.runtime_directory, 0o700))
    if not (model.settings.socket_prefix or model.settings.runtime_directory):
        found.append((model.socket_directory, root_mode))
    if model.settings.log_directory:
        found.append((model.log_directory, 0o750))
    return found


def write(model: Model) -> list[File]:
    """Brings the server root to what the model says; returns the files that differed. Other files are not touched."""
    places.check_trusted("server-root", model.server_root)
    if not model.reader:
        places.check_trusted("server-root", model.socket_directory)
    for directory, mode in directories(model):
        places.make_directory(directory, mode)
    places.check_trusted("server-root", model.server_root)
    for tool in debugging.OUTPUT:
        if getattr(model, f"enable_{tool}"):
            places.make_output(debugging.directory(model, tool), model.account)
    differing = [file for file in render(model) if file.state != "same"]
    try:
        for file in differing:
            file.write()
    except OSError as error:
        raise ExpressError(
            f"{error.filename}: cannot be written ({error.strerror}); correct the directory's owner"
        ) from None
    return differing
