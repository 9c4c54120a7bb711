# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of one application on one host.

    ROOT/releases/VERSION/code    what was delivered
    ROOT/releases/VERSION/venv    link to the virtual environment of that release
    ROOT/current                  link to the release that is served
    ROOT/history.json             versions in the order in which they were made current

The link `current` is the truth; the history only says what came before it, so a run may be interrupted anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
CODE, VENV = "code", "venv"
SHORT = 12  # digits of a checksum that serve as a version


def replace_link(target: str, path: str) -> None:
    """The link at path leads to target from one moment to the next: rename(2) over the old one."""
    directory = tempfile.mkdtemp(dir=os.path.dirname(path), prefix=".link.")
    try:
        temporary = os.path.join(directory, "link")
        os.symlink(target, temporary)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(directory)


def link_target(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError:
        return None


class Releases:
    def __init__(self, root: str) -> None:
        self.root = root
        self.directory = os.path.join(root, "releases")
        self.link = os.path.join(root, "current")
        self._history = os.path.join(root, "history.json")

    def path(self, version: str) -> str:
        return os.path.join(self.directory, version)

    def code(self, version: str) -> str:
        return os.path.join(self.path(version), CODE)

    def venv(self, version: str) -> str | None:
        return link_target(os.path.join(self.path(version), VENV))

    def has(self, version: str) -> bool:
        return os.path.isdir(self.code(version))

    def versions(self) -> list[str]:
        """What is there, complete or not."""
        try:
            return sorted(os.listdir(self.directory))
        except FileNotFoundError:
            return []

    def current(self) -> str | None:
        target = link_target(self.link)
        return os.path.basename(target) if target else None

    def history(self) -> list[str]:
        """Versions that were current, the present one last; only those that are still there."""
        try:
            with open(self._history, encoding="utf-8") as file:
                found = [version for version in json.load(file) if self.has(version)]
        except (OSError, ValueError):
            found = []
        current = self.current()
        if current in found:
            return found[: found.index(current) + 1]
        return found + ([current] if current and self.has(current) else [])

    def previous(self) -> str | None:
        """The release that was served before the present one."""
        before = self.history()[:-1]
        return before[-1] if before else None

    def _note(self, versions: list[str]) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.root, prefix=".history.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(versions, file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, self._history)

    def needs_switch(self, version: str, venv: str | None) -> bool:
        return self.current() != version or (venv is not None and self.venv(version) != venv)

    def switch(self, version: str, venv: str | None) -> None:
        """Code and virtual environment of this version from one moment to the next."""
        if venv is not None and self.venv(version) != venv:
            replace_link(venv, os.path.join(self.path(version), VENV))
        if self.current() != version:
            history = self.history()
            # Going back takes what came later out of the history: the one before is then an earlier one still.
            history = history[: history.index(version)] if version in history else history
            self._note([*history, version])
            replace_link(os.path.join("releases", version), self.link)

    def stale(self, keep: int) -> list[str]:
        """What may go: all but the last of the history. Half of a release that was interrupted may go, too."""
        kept = self.history()[-keep:]
        return [version for version in self.versions() if version not in kept]


def stale_venvs(base: str, live: str, releases: Releases | None) -> list[str]:
    """Environments BASE-FINGERPRINT that no release needs, but for the newest: daemons may still be ending in it."""
    directory, name = os.path.split(base)
    mine = re.compile(re.escape(name) + r"-[0-9a-f]{12}")
    try:
        found = [os.path.join(directory, each) for each in os.listdir(directory) if mine.fullmatch(each)]
    except FileNotFoundError:
        return []
    used = {live} | ({releases.venv(version) for version in releases.versions()} if releases else set())
    unused = [path for path in found if path not in used]
    with contextlib.suppress(FileNotFoundError):
        unused.sort(key=os.path.getmtime)
    return unused[:-1]
