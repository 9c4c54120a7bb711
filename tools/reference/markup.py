# SPDX-License-Identifier: Apache-2.0
"""Ansible's markup in descriptions as Markdown, and descriptions as one paragraph."""

from __future__ import annotations

import re

# C(code), O(option), RV(return value) and so on; a closing bracket of the text itself is escaped.
MARK = re.compile(r"\b(?P<mark>RV|[BCEILMOPRUV])\((?P<text>(?:\\.|[^()\\]|\([^()]*\))*)\)")


def _one(match: re.Match[str]) -> str:
    mark, text = match["mark"], re.sub(r"\\(.)", r"\1", match["text"])
    if mark in ("B", "I"):
        sign = "**" if mark == "B" else "*"
        return f"{sign}{text}{sign}"
    if mark == "L":
        label, _, address = text.partition(",")
        return f"[{label.strip()}]({address.strip()})"
    if mark == "R":
        return text.partition(",")[0].strip()
    if mark == "U":
        return f"<{text}>"
    if mark == "P":
        text = text.partition("#")[0]
    elif mark in ("O", "RV"):  # the plugin that it belongs to stands before it, when it is another one
        text = re.sub(r"^[\w.]+#\w+:", "", text)
    return f"`{text}`"


def markdown(description: str | list[str]) -> str:
    sentences = [description] if isinstance(description, str) else description
    return " ".join(MARK.sub(_one, " ".join(sentence.split())) for sentence in sentences)


def cell(text: str) -> str:
    """A cell of a table: one line, and no bar of its own."""
    return " ".join(text.split()).replace("|", "\\|")


def row(*cells: str) -> str:
    return "| " + " | ".join(cell(text) for text in cells) + " |"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    return [row(*head), row(*["---"] * len(head)), *(row(*cells) for cells in rows), ""]
