# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of an instance: what its manager calls it, the file that defines it, and as whom it is started."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import smf

PRIVILEGED = 1024  # lower ports take a right of their own
# Options for which httpd's parent must be root: it becomes other users, or reads the key of a certificate.
OF_ROOT = ("user", "group", "service-user", "service-group", "https-port")
LOGS = "/var/log"
HOMES = ("/home", "/root", "/run/user")


def describe(name: str, manager: str, server_root: str, config_home: str = "") -> dict[str, str]:
    """The option `service` of the module mod_wsgi_express, without the content of the file. A user's units lie below
    the `config_home`; without it the service belongs to the system."""
    if manager == "systemd":
        unit = f"mod_wsgi-{name}.service"
        if config_home:
            return {"manager": "systemd_user", "name": unit, "file": f"{config_home}/systemd/user/{unit}"}
        return {"manager": manager, "name": unit, "file": f"/etc/systemd/system/{unit}"}
    if manager == "smf":
        return {"manager": manager, "name": f"svc:/application/mod_wsgi:{name}", "file": f"{server_root}.xml"}
    return {"manager": manager}


def problems(definition: str, manager: str) -> list[str]:
    """What the manager would refuse of the file that defines a service; systemd passes over what it does not know."""
    return smf.problems(definition) if manager == "smf" else []


def needs_root(spec: dict[str, Any]) -> bool:
    """Whether httpd's parent must be root, and not the user of the instance."""
    others = any(
        service[key] and service[key] != spec[key] for service in spec["services"] for key in ("user", "group")
    )
    return others or any(name.replace("_", "-") in OF_ROOT for name in spec["options"])


def runtime_directory(spec: dict[str, Any], manager: str, is_system: bool) -> str | None:
    """Where a server writes that systemd starts as the user of the instance; None when another way of starting it."""
    if manager != "systemd" or not is_system or needs_root(spec):
        return None
    return f"/run/mod_wsgi/{spec['name']}"


def logs_directory(spec: dict[str, Any], manager: str, is_system: bool) -> str:
    """Below /var/log it is systemd that gives the directory to whoever runs the server."""
    directory = spec["logs"]["dir"]
    if manager != "systemd" or not is_system or not directory.startswith(f"{LOGS}/"):
        return ""
    return os.path.relpath(directory, LOGS)


def directories(servers: list[dict[str, Any]], manager: str, is_system: bool) -> list[dict[str, str]]:
    """Of the logs of each server, and of what its application may write; with owners where they are ours to give."""
    found = []
    for spec, paths in ((server["spec"], server["paths"]) for server in servers):
        own = {"owner": spec["user"], "group": spec["group"]} if is_system else {}
        logs = own
        if is_system and runtime_directory(spec, manager, is_system) is None:
            logs = {"owner": "root"}
        elif logs_directory(spec, manager, is_system):
            logs = {}
        found += [{"path": spec["logs"]["dir"], **logs}, {"path": paths["data_dir"], **own}]
    return found


def _below(path: str, parents: tuple[str, ...]) -> bool:
    return any(os.path.commonpath([path, parent]) == parent for parent in parents)


def unit(spec: dict[str, Any], paths: dict[str, Any], manager: str, is_system: bool) -> dict[str, Any]:
    """What the template of the unit asks."""
    places = [spec["app"], spec["working_directory"], paths["venv_base"], paths["server_root"], spec["document_root"]]
    places += [spec["python"], *spec["python_path"], *(service["script"] for service in spec["services"])]
    return {
        "logs_directory": logs_directory(spec, manager, is_system),
        "unprivileged": runtime_directory(spec, manager, is_system) is not None,
        "binds_low": spec["port"] < PRIVILEGED,
        "reads_homes": any(_below(path, HOMES) for path in places if path and os.path.isabs(path)),
    }
