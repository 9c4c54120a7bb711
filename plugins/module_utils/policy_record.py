# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module mod_wsgi_policy made on a host, and for which instances: all that it may take back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import read, remove, write

Entry = dict[str, Any]  # what was made, and under "instances" for whom
Run = Callable[[list[str]], tuple[int, str, str]]


class PolicyError(Exception):
    """A sentence for the user, with the fix."""


def key(entry: Entry) -> tuple[tuple[str, Any], ...]:
    """What it is, whoever wants it."""
    return tuple(sorted((name, value) for name, value in entry.items() if name != "instances"))


def merged(entries: list[Entry]) -> list[Entry]:
    """One entry of each, with all who want it; the order of what came in does not matter."""
    found: dict[tuple[tuple[str, Any], ...], Entry] = {}
    for entry in entries:
        known = found.setdefault(key(entry), {**entry, "instances": []})
        known["instances"] = sorted({*known["instances"], *entry["instances"]})
    return [found[each] for each in sorted(found, key=repr)]


def without(entries: list[Entry], instances: list[str]) -> list[Entry]:
    """What is left when these instances are gone; none named is all of them."""
    rest = [{**entry, "instances": [name for name in entry["instances"] if name not in instances]} for entry in entries]
    return [entry for entry in rest if entry["instances"]] if instances else []


class Record:
    """The file. Written before something is made, so that an interrupted run leaves nothing that nobody knows of."""

    def __init__(self, path: str) -> None:
        self.path = path
        content = read(path)
        try:
            self.sections: dict[str, list[Entry]] = json.loads(content or b"{}")
        except ValueError as error:
            raise PolicyError(
                f"{path} cannot be read ({error}). It says what may be taken back: bring it back from a backup, or "
                "remove it, and take back by hand what was made"
            ) from error

    def entries(self, section: str) -> list[Entry]:
        return self.sections.get(section, [])

    def put(self, section: str, entries: list[Entry]) -> None:
        if entries == self.entries(section):
            return
        self.sections = {**self.sections, section: entries}
        if not any(self.sections.values()):
            remove(self.path)
            return
        os.makedirs(os.path.dirname(self.path), mode=0o755, exist_ok=True)
        write(self.path, json.dumps(self.sections, indent=2, sort_keys=True).encode() + b"\n", 0o600)
