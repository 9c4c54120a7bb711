# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a line of JSON for each result of a task into the file that MOD_WSGI_RECORD names."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: recorder
type: aggregate
short_description: Results of tasks as lines of JSON
description: One line for each task of each host. What an instance's server needs is added, when the task is about one.
author: The modwsgi.toolkit authors
version_added: 0.1.0
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"

    def _record(self, result: Any, outcome: str) -> None:
        found = result._result
        servers = [each for each in found.get("results", [found]) if "would_interrupt" in each]
        line = {
            "task": result._task.get_name().rpartition(" : ")[2],
            "outcome": "changed" if found.get("changed") else outcome,
            "msg": found.get("msg", "") if outcome == "failed" else "",
            "servers": [
                {key: each[key] for key in ("msg", "action", "reasons", "files", "would_interrupt")} for each in servers
            ],
        }
        with open(os.environ["MOD_WSGI_RECORD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: Any) -> None:
        self._record(result, "ok")

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._record(result, "skipped")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._record(result, "failed")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._record(result, "failed")
