# SPDX-License-Identifier: Apache-2.0
"""docs/asks.md: twenty asks, each with an answer, and the tests that it names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ASK = re.compile(r"^\| (\d+) \| .*\| (.*) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]+\.py)::(test_\w+)`")
TESTED = {*range(1, 5), *range(6, 15), *range(16, 20)}  # the others have no part that a machine here can check


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_ask_has_an_answer_and_where_wanted_a_test(checkout: Path) -> None:
    text = (checkout / "docs" / "asks.md").read_text(encoding="utf-8")
    asks = {int(number): proof for number, proof in ASK.findall(text)}
    assert sorted(asks) == list(range(1, 21))
    for number, proof in asks.items():
        assert number not in TESTED or NAMED.search(proof), f"ask {number} names no test"
        for file, name in NAMED.findall(proof):
            assert name in functions(checkout / file), f"ask {number}: {file}::{name}"
