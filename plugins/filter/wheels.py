# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on what wheels are made from."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree

NOT_YET = "not built yet"  # in check mode, and nowhere else


def tree_checksum(path: str, exclude: list[str] | None = None) -> str:
    try:
        return tree.checksum(tree.manifest(path, list(exclude or [])))
    except (OSError, ValueError) as error:
        raise AnsibleFilterError(f"tree_checksum: {error}") from error


def built(look: dict[str, Any], wheelhouse: str) -> dict[str, Any]:
    """What a virtual environment is made with; the name of mod_wsgi's wheel tells its version."""
    paths = [look["wheels"][name]["path"] for name in ("httpd", "module") if name in look["wheels"]]
    names = [os.path.basename(path) for path in paths if path]
    versions = [name.split("-")[1] for name in names if name.startswith("mod_wsgi-")]
    return {
        "httpd": look["httpd"],
        "version": versions[0] if versions else NOT_YET,
        "wheelhouse": wheelhouse,
        "wheels": paths if paths and all(paths) else [NOT_YET],
    }


class FilterModule:
    def filters(self) -> dict[str, object]:
        return {"built": built, "tree_checksum": tree_checksum}
