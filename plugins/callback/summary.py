# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: summary
type: aggregate
short_description: Where the instances are served, after the recap
version_added: 0.1.0
description:
  - Prints address, logs and how to stop as the last lines of a run of the playbook C(modwsgi.toolkit.site).
author:
  - The mod_wsgi toolkit developers (@modwsgi)
requirements:
  - Named in C(callbacks_enabled).
"""

from ansible.plugins.callback import CallbackBase

LABELS = {"url": "Serving at", "logs": "Logs in", "stop": "Stop with"}


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "modwsgi.toolkit.summary"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_stats(self, stats) -> None:
        if stats.failures or stats.dark:
            return
        for host, found in stats.custom.get("_run", {}).get("mod_wsgi", {}).items():
            name = "" if host == "localhost" else f"{host}: "
            for key, label in LABELS.items():
                if found.get(key):
                    self._display.display(f"{name}{label:<10} {found[key]}")
