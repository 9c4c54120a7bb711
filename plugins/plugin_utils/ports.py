# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of one host whose ports change hands in a run: what each has to know of the others, and in which order."""

from __future__ import annotations

from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import services

Instance = dict[str, Any]


def neighbours(instances: list[Instance], manager: str, config_home: str = "") -> list[dict[str, Any]]:
    """The option `neighbours` of the module mod_wsgi_express."""
    return [
        {
            "name": instance["name"],
            "server_root": instance["paths"]["server_root"],
            "service": services.describe(instance["name"], manager, instance["paths"]["server_root"], config_home).get(
                "name", ""
            ),
            "port": instance["spec"]["port"] if instance["state"] == "started" else 0,
        }
        for instance in instances
    ]


def in_turn(instances: list[Instance], looks: list[dict[str, Any]]) -> list[Instance]:
    """The instances, each after the one that has its port now; else as they are."""
    by_name = {instance["name"]: instance for instance in instances}
    having = {look["port"]: look["name"] for look in looks if look["port"]}
    done: dict[str, Instance] = {}

    def take(name: str, waiting: tuple[str, ...] = ()) -> None:
        holder = having.get(by_name[name]["spec"]["port"], name)
        if holder in by_name and holder not in (*waiting, name):
            take(holder, (*waiting, name))
        done.setdefault(name, by_name[name])

    for name in by_name:
        take(name)
    return list(done.values())
