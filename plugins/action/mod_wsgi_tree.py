# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of mod_wsgi_tree: reads the source, asks the target what differs, and sends just that."""

from __future__ import annotations

import os
import tarfile
import tempfile

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree

MODULE = "modwsgi.toolkit.mod_wsgi_tree"


class ActionModule(ActionBase):
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        source = os.path.expanduser(str(args.get("src") or ""))
        if not os.path.isabs(source) or not os.path.isdir(source):
            raise AnsibleActionFail(
                f"mod_wsgi_tree: src '{source}' is not the absolute path of a directory on the controller"
            )
        try:
            args["manifest"] = tree.manifest(source, [str(pattern) for pattern in args.get("exclude") or []])
        except (OSError, ValueError) as error:
            raise AnsibleActionFail(f"mod_wsgi_tree: {error}") from error
        result = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        if result.get("failed") or not result.get("sent") or self._task.check_mode:
            return self._shown(result)
        args["archive"] = self._send(source, result["sent"])
        sent = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        return self._shown({**sent, "changed": sent.get("changed", False)})

    def _send(self, source: str, paths: list[str]) -> str:
        """An archive of these files, readable on the target by the user that unpacks it."""
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "tree.tar.gz")
        with tempfile.TemporaryDirectory() as directory:
            local = os.path.join(directory, "tree.tar.gz")
            with tarfile.open(local, "w:gz", dereference=True) as tar:
                for path in paths:
                    tar.add(os.path.join(source, path), path, recursive=False)
            self._transfer_file(local, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote

    def _shown(self, result: dict) -> dict:
        """The table is of no use to a reader of -v."""
        result.get("invocation", {}).get("module_args", {}).pop("manifest", None)
        return result
