# SPDX-License-Identifier: Apache-2.0
"""The reference of roles and plugins is written from what they say of themselves, and is up to date."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

READ = ["docs/reference", "plugins", "roles", "tools/reference"]


def pages(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, checkout / "tools" / "reference" / "pages.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(checkout: Path, tmp_path: Path) -> Path:
    for part in READ:
        shutil.copytree(checkout / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_pages_are_up_to_date(checkout):
    done = pages(checkout, "--check")
    assert done.returncode == 0, done.stderr


def test_a_changed_description_is_noticed_and_written(copy):
    spec = copy / "roles" / "mod_wsgi_venv" / "meta" / "argument_specs.yml"
    spec.write_text(
        spec.read_text().replace(
            "Python to make it with.", "Python that C(makes|it), see O(modwsgi.toolkit.some#module:other)."
        )
    )
    told = pages(copy, "--check")
    assert told.returncode == 1
    assert "roles.md: not up to date" in told.stderr
    assert pages(copy).returncode == 0
    row = "| `python` | path | required | Python that `makes\\|it`, see `other`. |"
    assert row in (copy / "docs" / "reference" / "roles.md").read_text()
    assert pages(copy, "--check").returncode == 0


def test_every_filter_is_documented(checkout):
    """In a file of its own, as ansible-doc wants it."""
    names = set()
    for path in (checkout / "plugins" / "filter").glob("*.py"):
        module = importlib.import_module(f"ansible_collections.modwsgi.toolkit.plugins.filter.{path.stem}")
        names |= set(module.FilterModule().filters())
    assert names == {path.stem for path in (checkout / "plugins" / "filter").glob("*.yml")}


def test_every_documented_plugin_has_its_place(checkout):
    text = (checkout / "docs" / "reference" / "plugins.md").read_text()
    modules = {path.stem for path in (checkout / "plugins" / "modules").glob("*.py")}
    filters = {path.stem for path in (checkout / "plugins" / "filter").glob("*.yml")}
    for name in modules | filters:
        assert f"\n### {name}\n" in text, name


def test_no_markup_of_ansible_is_left(checkout):
    for page in ("roles.md", "plugins.md"):
        text = (checkout / "docs" / "reference" / page).read_text()
        assert "C(" not in text
        assert "O(" not in text
