#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_tree
short_description: Make a directory on the target an exact mirror of one on the controller
version_added: 0.1.0
description:
  - Sends only files that differ, in one archive, and removes files that the source does not have.
  - Each file appears by rename, so that no reader ever sees half of one.
  - A second run writes nothing, not even a time of modification.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
  - modwsgi.toolkit.sent
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  src:
    description: Directory on the controller.
    type: path
    required: true
  dest:
    description: Directory on the target. It is made when it is not there.
    type: path
    required: true
  exclude:
    description: Names or shell patterns of files and directories that are left alone on both sides.
    type: list
    elements: str
    default: []
  owner:
    description: Owner of everything below O(dest). Not given, the owner stays as it is.
    type: str
  group:
    description: Group of everything below O(dest). Not given, the group stays as it is.
    type: str
attributes:
  check_mode:
    description: Reports what would be sent and removed.
    support: full
  diff_mode:
    description: Lists the paths, not the contents.
    support: full
"""

EXAMPLES = r"""
- name: The application, readable by the group it runs as
  modwsgi.toolkit.mod_wsgi_tree:
    src: /home/me/shop
    dest: /opt/mod_wsgi/apps/shop
    exclude: [.git, __pycache__]
    owner: root
    group: mod_wsgi
    directory_mode: "0750"
    file_mode: "0640"
"""

RETURN = r"""
checksum:
  description: One value for the whole tree, equal when all paths, contents and executable bits are equal.
  returned: always
  type: str
sent:
  description: Paths that differed.
  returned: always
  type: list
  elements: str
removed:
  description: Paths that the source does not have.
  returned: always
  type: list
  elements: str
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import mirror, tree


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            **mirror.ARGUMENTS,
        },
        supports_check_mode=True,
    )
    dest, wanted = module.params["dest"], module.params["manifest"]
    if wanted is None:
        module.fail_json(
            msg="mod_wsgi_tree: the table of the source is missing; call it as modwsgi.toolkit.mod_wsgi_tree"
        )
    if not module.check_mode:
        os.umask(0o077)
    try:
        difference = mirror.Difference(dest, wanted, module.params["exclude"])
    except ValueError as error:
        module.fail_json(msg=str(error))
    result = {
        "checksum": tree.checksum(wanted),
        "sent": difference.needed,
        "removed": difference.stale,
        "dest": dest,
        "diff": {"prepared": difference.shown()},
    }
    try:
        ownership = mirror.Ownership(module.params)
    except KeyError as error:
        if module.check_mode:  # a play before this task makes the user, and has not made it now
            module.exit_json(changed=True, **result)
        module.fail_json(msg=f"mod_wsgi_tree: {error.args[0]}", **result)
    changed = difference.is_content or bool(difference.wrong(ownership))
    if not changed or module.check_mode or (difference.needed and not module.params["archive"]):
        module.exit_json(changed=changed, **result)
    difference.apply(ownership, module.params["archive"])
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
