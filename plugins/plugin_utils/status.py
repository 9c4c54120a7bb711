# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mod_wsgi_status shall ask, and its findings as a table for people."""

from __future__ import annotations

from typing import Any

COLUMNS = ("name", "state", "health", "pid", "up", "url", "python", "httpd", "module", "release", "pending", "stale")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return "" if value in (0, "none") else str(value)


def table(found: list[dict[str, Any]]) -> list[str]:
    """Lines with a head; columns that say nothing for any instance are left out."""
    rows = [{column: _cell(row[column]) for column in COLUMNS} for row in found]
    shown = [column for column in COLUMNS if any(row[column] for row in rows)]
    widths = {column: max(len(column), *(len(row[column]) for row in rows)) for column in shown}
    lines = [{column: column for column in shown}, *rows]
    return ["  ".join(line[column].ljust(widths[column]) for column in shown).rstrip() for line in lines]


def questions(instances: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By name of an instance that shall run: how its health is asked for."""
    return {
        instance["name"]: {
            "url": instance["paths"]["url"] + instance["spec"]["health"]["path"],
            "status": instance["spec"]["health"]["status"],
            "host": instance["spec"]["server_name"],
        }
        for instance in instances
        if instance["state"] == "started"
    }
