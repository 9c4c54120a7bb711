# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on what wheels are made from."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree


def tree_checksum(path: str, exclude: list[str] | None = None) -> str:
    try:
        return tree.checksum(tree.manifest(path, list(exclude or [])))
    except (OSError, ValueError) as error:
        raise AnsibleFilterError(f"tree_checksum: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, object]:
        return {"tree_checksum": tree_checksum}
