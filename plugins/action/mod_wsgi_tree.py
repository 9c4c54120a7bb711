# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of mod_wsgi_tree: reads the source."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils.sending import SendingAction


class ActionModule(SendingAction):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        source = os.path.expanduser(str(args.get("src") or ""))
        if not os.path.isabs(source) or not os.path.isdir(source):
            raise AnsibleActionFail(
                f"mod_wsgi_tree: src '{source}' is not the absolute path of a directory on the controller"
            )
        try:
            return self.bring("modwsgi.toolkit.mod_wsgi_tree", source, args, task_vars)
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"mod_wsgi_tree: {error}") from error
