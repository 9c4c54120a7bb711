# SPDX-License-Identifier: Apache-2.0
"""Documents that can be checked are: links lead somewhere, inventories are accepted."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import express, instances

from .test_instances import SYSTEM

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").rglob("*.md"), *(CHECKOUT / "roles").glob("*/*.md")])
LINK = re.compile(r"(?<!`)\[[^\]`]*\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def of_checkout(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=of_checkout)
def test_links_lead_somewhere(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = page.parent / path if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def inventories() -> Iterator[Any]:
    """Every list of instances that a page shows, with its page."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            found = find(yaml.safe_load(block), "mod_wsgi_instances")
            if found is not None:
                yield pytest.param(found, id=of_checkout(page))


def find(value: object, key: str) -> Any:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    if isinstance(value, dict) and key in value:
        return value[key]
    return next((found for child in children if (found := find(child, key)) is not None), None)


@pytest.mark.parametrize("shown", list(inventories()))
def test_inventories_are_accepted(shown: list[dict[str, Any]], checkout: Path, tmp_path: Path, monkeypatch) -> None:
    """By the validation of the role, with files where the page says that the user has them, and by mod_wsgi-express."""
    text = (checkout / "roles/mod_wsgi_instance/meta/argument_specs.yml").read_text()
    options = yaml.safe_load(text)["argument_specs"]["main"]["options"]["mod_wsgi_instance_spec"]["options"]
    for each in shown:
        if "source" in each:
            each["source"] = str(tmp_path / each["name"])
            files = [
                each["app"],
                each.get("requirements", ""),
                *(found["script"] for found in each.get("services", [])),
            ]
            for file in filter(None, files):
                (tmp_path / each["name"] / file).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / each["name"] / file).touch()
        if "release" in each:
            each["release"]["src"] = str(tmp_path / Path(each["release"]["src"]).name)
            Path(each["release"]["src"]).touch()
    done, errors = instances.normalise(shown, options, {}, SYSTEM)
    assert errors == []
    monkeypatch.syspath_prepend(str(checkout / "mod_wsgi_src"))
    for name in [name for name in sys.modules if name == "mod_wsgi" or name.startswith("mod_wsgi.")]:
        monkeypatch.delitem(sys.modules, name)
    from mod_wsgi.express.options import BY_NAME

    for each in done:
        assert set(express.options(each["spec"], each["paths"], True)) <= set(BY_NAME)
