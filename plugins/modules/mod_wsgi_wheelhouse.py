#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_wheelhouse
short_description: Remove old wheels from a wheelhouse
version_added: 0.1.0
description:
  - A wheelhouse has one directory for each platform key. Of each family of keys the newest directories are kept, and
    those that are in use in any case.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  path:
    description: The wheelhouse. One that is not there has no old wheels.
    type: path
    required: true
  families:
    description: Families of keys, from RV(modwsgi.toolkit.mod_wsgi_info#module:wheels). Other families are left alone.
    type: list
    elements: str
    required: true
  current:
    description: Keys that are in use.
    type: list
    elements: str
    default: []
  keep:
    description: How many directories of each family to keep.
    type: int
    default: 3
attributes:
  check_mode:
    description: Tells what would be removed.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Keep the last three
  modwsgi.toolkit.mod_wsgi_wheelhouse:
    path: /opt/mod_wsgi/wheelhouse
    families: "{{ machine.wheels.values() | map(attribute='family') }}"
    current: "{{ machine.wheels.values() | map(attribute='key') }}"
"""

RETURN = r"""
removed:
  description: The directories that were removed.
  returned: always
  type: list
  elements: str
"""

import os
import re
import shutil

from ansible.module_utils.basic import AnsibleModule


def old(path: str, family: str, current: list[str], keep: int) -> list[str]:
    """Directories of the family beyond the newest; what has another form of name is not ours to judge."""
    form = re.compile(re.escape(family) + r"(-[0-9][^/]*)?-k[0-9a-f]{10}")
    try:
        names = [name for name in os.listdir(path) if form.fullmatch(name)]
    except OSError:
        return []
    newest_first = sorted(names, key=lambda name: os.stat(os.path.join(path, name)).st_mtime_ns, reverse=True)
    used = [name for name in newest_first if name in current]
    others = [name for name in newest_first if name not in current]
    return [os.path.join(path, name) for name in others[max(0, keep - len(used)) :]]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "families": {"type": "list", "elements": "str", "required": True},
            "current": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "int", "default": 3},
        },
        supports_check_mode=True,
    )
    path, families, current, keep = (module.params[name] for name in ("path", "families", "current", "keep"))
    if keep < 1:
        module.fail_json(msg=f"mod_wsgi_build_keep is {keep}. Keep 1 or more")
    removed = sorted({directory for family in families for directory in old(path, family, current, keep)})
    if not module.check_mode:
        for directory in removed:
            shutil.rmtree(directory)
    module.exit_json(changed=bool(removed), removed=removed)


if __name__ == "__main__":
    main()
