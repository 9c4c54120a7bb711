# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance as options of mod_wsgi-express: the dictionary that goes into its options file."""

from __future__ import annotations

from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import services

TIMEOUTS = ("request", "queue", "connect", "socket", "startup", "graceful", "shutdown", "deadlock", "inactivity")


def _identity(instance: dict[str, Any], is_system: bool) -> dict[str, Any]:
    if not is_system:
        return {}
    found: dict[str, Any] = {"user": instance["user"], "group": instance["group"]}
    for key in ("user", "group"):
        found[f"service-{key}"] = [[each["name"], each[key]] for each in instance["services"] if each[key]]
    return found


def options(instance: dict[str, Any], paths: dict[str, Any], is_system: bool, manager: str = "none") -> dict[str, Any]:
    """Only what is set: everything else keeps the default of mod_wsgi-express."""
    logs = instance["logs"]
    found: dict[str, Any] = {
        "application-type": instance["app_type"],
        "entry-point": instance["app"],
        "callable-object": instance["callable"],
        "host": None if instance["host"] == "*" else instance["host"],
        "port": instance["port"],
        "server-name": instance["server_name"],
        "server-alias": instance["server_aliases"],
        "processes": instance["processes"],
        "threads": instance["threads"],
        "working-directory": instance["working_directory"],
        "python-path": instance["python_path"],
        "mount-point": instance["mount_point"],
        "document-root": instance["document_root"],
        "url-alias": [[alias["url"], alias["path"]] for alias in instance["url_aliases"]],
        "locale": instance["locale"],
        "reload-on-changes": instance["reload"] == "on_change",
        # A switch of releases changes the script: only the action that follows may bring it to the daemons.
        "disable-reloading": bool(instance["release"]) and instance["reload"] == "never",
        "envvars-script": None if manager == "systemd" else paths["env_file"],  # systemd reads it itself
        "runtime-directory": services.runtime_directory(instance, manager, is_system),
        "server-root": paths["server_root"],
        "log-directory": logs["dir"],
        "log-level": logs["level"],
        "access-log": logs["access"],
        "rotate-logs": logs["rotate"] is not None,
        "max-log-size": (logs["rotate"] or {}).get("size_mb"),
        "keep-logs": (logs["rotate"] or {}).get("keep"),
        "service-script": [[each["name"], each["script"]] for each in instance["services"]],
        "service-log": [[each["name"], each["log"]] for each in instance["services"]],
    }
    found.update(_identity(instance, is_system))
    found.update({f"{name}-timeout": instance["timeouts"][name] for name in TIMEOUTS})
    found.update({name.replace("_", "-"): value for name, value in instance["options"].items()})
    return {
        name: value
        for name, value in found.items()
        if value is not None and value is not False and value not in ([], "")
    }
