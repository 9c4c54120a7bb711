# SPDX-License-Identifier: Apache-2.0
"""daemons.json in the runtime directory: the server's own list of its daemons and their states (WSGIDaemonList)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "daemons.json"
SERVES = ("ready", "recycling")
BROKEN = 3  # so many deaths in a row at its start, and the server says that a seat failed


@dataclass(frozen=True)
class Seat:
    failures: int  # how often in a row a daemon died here at its start
    daemons: dict[int, str]  # pid: state

    @property
    def serving(self) -> list[int]:
        return [pid for pid, state in self.daemons.items() if state in SERVES]


def read(directory: Path, server: int) -> dict[str, list[Seat]]:
    """Seats by group; empty while that server has written none."""
    try:
        found: dict[str, Any] = json.loads((directory / NAME).read_text(encoding="utf-8"))
        if found["server"] != server:
            return {}
        return {
            group: [
                Seat(seat["failures"], {daemon["pid"]: daemon["state"] for daemon in seat["daemons"]}) for seat in seats
            ]
            for group, seats in found["groups"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def is_ready(groups: dict[str, list[Seat]]) -> bool:
    return all(seat.serving for seats in groups.values() for seat in seats)
