# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a site run is for. Never a silent nothing: a run that matches no host is an error."""

from __future__ import annotations

GROUP = "mod_wsgi"
LOCAL = "localhost"


def choose(groups: dict[str, list[str]], limited_to: list[str] | None = None) -> list[str]:
    """The hosts of the group mod_wsgi; this machine when the inventory is empty.

    An inventory with hosts but without the group is a mistake (a misspelt group) and not a wish for this machine.
    """
    known = [host for host in groups.get("all", []) if host != LOCAL]
    if GROUP in groups:
        wanted = groups[GROUP]
        if not wanted:
            raise ValueError(f"the group {GROUP} of the inventory is empty. Put the hosts to serve from into it")
    elif known:
        raise ValueError(f"the inventory has hosts but no group {GROUP}. Put the hosts to serve from into it")
    else:
        wanted = [LOCAL]
    if limited_to is not None and not set(limited_to) & set(wanted):
        raise ValueError(f"--limit leaves no host of the group {GROUP} ({', '.join(wanted)})")
    return wanted
