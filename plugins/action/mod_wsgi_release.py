# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of mod_wsgi_release: reads what is to be released, a directory or an archive."""

from __future__ import annotations

import os

from ansible.errors import AnsibleActionFail
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import archives
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils.sending import SendingAction

MODULE = "modwsgi.toolkit.mod_wsgi_release"


class ActionModule(SendingAction):
    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        source = os.path.expanduser(str(args.get("src") or ""))
        if not source:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        try:
            with archives.opened(source, int(args.get("strip") or 0)) as directory:
                return self.bring(MODULE, directory, args, task_vars)
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"instance '{args.get('name')}': {error}") from error
