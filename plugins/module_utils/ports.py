# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that pass from one instance of a host to another in the same run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Holder:
    name: str
    has: int  # the port it listens on now; 0 while it does not run
    wants: int  # the port it listens on after the run; 0 when it does not run then


def giving_up(port: int, holders: list[Holder]) -> list[Holder]:
    """Who has this port and lets go of it, who has the port that this one goes to and lets go of that, and so on."""
    found: list[Holder] = []
    while port:
        holder = next((each for each in holders if each.has == port and each.wants != port), None)
        if holder is None or holder in found:
            break
        found.append(holder)
        port = holder.wants
    return found


def circle_error(name: str, port: int, way: list[Holder]) -> str | None:
    """Why an instance cannot have a port: who lets go of it waits in the end for this very instance."""
    if name not in [holder.name for holder in way]:
        return None
    wishes = [f"'{name}' wants {port}", *(f"'{each.name}' wants {each.wants}" for each in way if each.name != name)]
    return (
        f"port {port} is that of the instance '{way[0].name}', and each waits for another to let go of a port: "
        f"{', '.join(wishes)}. Take two runs, the first with a free port for '{name}'"
    )
