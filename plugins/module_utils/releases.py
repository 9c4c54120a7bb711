# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of one application on one host.

    ROOT/releases/VERSION/code    what was delivered
    ROOT/releases/VERSION/venv    link to the virtual environment of that release
    ROOT/current                  link to the release that is served
    ROOT/history.json             versions in the order in which they were made current
    ROOT/switching.json           what was served before a switch, until what is served now is healthy

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
        self._switching = os.path.join(root, "switching.json")

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
        *before, _newest = self.history() or [None]
        from_version = self.before_switch()["version"]
        if self.is_switching and from_version != self.current():
            # Forward it goes back to where it came from; a way back that was interrupted is gone to its end.
            return from_version if from_version in before else self.current()
        return before[-1] if before else None

    @property
    def is_switching(self) -> bool:
        """Whether nobody has found healthy yet what was switched to."""
        return os.path.exists(self._switching)

    def before_switch(self) -> dict[str, str]:
        """Version and virtual environment that were healthy last, each empty when there are none.

        While a switch is under way that is not the present release: the server may not even have taken it up.
        """
        try:
            with open(self._switching, encoding="utf-8") as file:
                found = json.load(file)
            return {"version": found["version"], "venv": found["venv"]}
        except FileNotFoundError:
            current = self.current()
            return {"version": current or "", "venv": (current and self.venv(current)) or ""}

    def settle(self) -> None:
        """What is served now is healthy."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._switching)

    def _write(self, path: str, content: object) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.root, prefix=".json.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)

    def needs_switch(self, version: str, venv: str | None) -> bool:
        return self.current() != version or (venv is not None and self.venv(version) != venv)

    def switch(self, version: str, venv: str | None) -> None:
        """Code and virtual environment of this version from one moment to the next."""
        before = self.before_switch()
        if before["version"] and not self.is_switching:
            self._write(self._switching, before)
        if venv is not None and self.venv(version) != venv:
            replace_link(venv, os.path.join(self.path(version), VENV))
        if self.current() != version:
            history = self.history()
            # What was never healthy is nothing to go back to.
            if before["version"] in history:
                history = history[: history.index(before["version"]) + 1]
            # Going back takes what came later out of the history: the one before is then an earlier one still.
            history = history[: history.index(version)] if version in history else history
            self._write(self._history, [*history, version])
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
