# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the instances of a host want of its firewall, for the module mod_wsgi_policy."""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import express


def is_loopback(host: str | None) -> bool:
    """Whether only this machine reaches it; a name other than localhost may mean any address."""
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listening(instance: dict[str, Any]) -> tuple[str | None, list[int]]:
    """Address (None is all of them) and ports, as mod_wsgi-express is told."""
    options = express.options(instance["spec"], instance["paths"], True)
    ports = [options[name] for name in ("port", "https-port") if options.get(name)]
    return options.get("host"), [int(port) for port in ports]


def firewall_ports(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for instance in instances:
        host, ports = listening(instance)
        if not is_loopback(host):
            found += [{"instance": instance["name"], "port": port} for port in ports]
    return found
