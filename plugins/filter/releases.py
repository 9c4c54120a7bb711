# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on results of loops over instances, above all of the modules mod_wsgi_release and mod_wsgi_venv."""

from __future__ import annotations

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import releases, results


class FilterModule:
    def filters(self) -> dict[str, object]:
        return {
            "failure": results.failure,
            "release_environments": releases.environments,
            "releases_before": releases.before,
            "results_by_name": results.by_name,
            "staged_releases": releases.switches,
        }
