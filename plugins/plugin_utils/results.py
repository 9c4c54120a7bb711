# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of tasks with a loop over instances."""

from __future__ import annotations

from typing import Any


def by_name(results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {result["name"]: result for result in results}


def failure(result: dict[str, Any]) -> str:
    """What a task that failed said; of one with a loop, each item that did."""
    failed = [each for each in result.get("results") or [] if each.get("failed")] or [result]
    said = [str(each.get("msg") or "no reason is known") for each in failed]
    return "; ".join(dict.fromkeys(said))
