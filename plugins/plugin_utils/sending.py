# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller half of modules that bring a directory to the target: ask what differs there, and send just that."""

from __future__ import annotations

import os
import tarfile
import tempfile
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree


class SendingAction(ActionBase):
    TRANSFERS_FILES = True

    def bring(self, module: str, source: str, args: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Runs the module with the table of the source, and once more with an archive when it lacks files."""
        args = {**args, "manifest": tree.manifest(source, [str(pattern) for pattern in args.get("exclude") or []])}
        result = self._execute_module(module_name=module, module_args=args, task_vars=task_vars)
        if not result.get("failed") and result.get("sent") and not self._task.check_mode:
            args["archive"] = self._send(source, result["sent"])
            again = self._execute_module(module_name=module, module_args=args, task_vars=task_vars)
            result = {**again, "changed": again.get("changed", False)}
        # The table is of no use to a reader of -v.
        result.get("invocation", {}).get("module_args", {}).pop("manifest", None)
        return result

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
