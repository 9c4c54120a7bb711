# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of an instance: what its manager calls it, and the file that defines it."""

from __future__ import annotations

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import smf


def describe(name: str, manager: str, server_root: str) -> dict[str, str]:
    """The option `service` of the module mod_wsgi_express, without the content of the file."""
    if manager == "systemd":
        unit = f"mod_wsgi-{name}.service"
        return {"manager": manager, "name": unit, "file": f"/etc/systemd/system/{unit}"}
    if manager == "smf":
        return {"manager": manager, "name": f"svc:/application/mod_wsgi:{name}", "file": f"{server_root}.xml"}
    return {"manager": manager}


def problems(definition: str, manager: str) -> list[str]:
    """What the manager would refuse of the file that defines a service; systemd passes over what it does not know."""
    return smf.problems(definition) if manager == "smf" else []
