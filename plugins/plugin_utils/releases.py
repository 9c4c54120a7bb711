# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of several instances: what is staged for each, what it needs, and what a switch is to and from."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import results

Result = dict[str, Any]


def environments(instances: list[Result], staged: list[Result], builds: dict[str, Any]) -> list[Result]:
    """For the role mod_wsgi_venv: what each instance needs, with requirements out of the release that was staged."""
    found, releases = [], results.by_name(staged)
    for instance in instances:
        spec, release = instance["spec"], releases[instance["name"]]
        requirements = spec["requirements"] or ""
        found.append(
            {
                "name": instance["name"],
                "base": instance["paths"]["venv_base"],
                "python": spec["python"],
                "build": builds[spec["python"]],
                "requirements": os.path.join(release["code"], requirements) if requirements else "",
                "requirements_sha256": release["sha256"].get(requirements, ""),
            }
        )
    return found


def switches(staged: list[Result], venvs: list[Result] | None = None) -> dict[str, Result]:
    """To what, and from: version and environment of each instance. Not in `venvs`, it keeps the release's own."""
    paths = {venv["name"]: venv["path"] for venv in venvs or []}
    return {
        name: {"version": each["version"], "venv": paths.get(name, each["venv"]), "was": each["was"]}
        for name, each in results.by_name(staged).items()
    }


def before(staged: dict[str, Result]) -> dict[str, Result]:
    """The way back. What was not served before has nothing to go back to; it must be healthy as it is."""
    return {name: each["was"] if each["was"]["venv"] else each for name, each in staged.items()}
