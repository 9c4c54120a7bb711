# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of an instance: what its manager calls it, and the file that defines it."""

from __future__ import annotations


def describe(name: str, manager: str) -> dict[str, str]:
    """The option `service` of the module mod_wsgi_express, without the content of the file."""
    if manager == "systemd":
        unit = f"mod_wsgi-{name}.service"
        return {"manager": manager, "name": unit, "file": f"/etc/systemd/system/{unit}"}
    return {"manager": manager}
