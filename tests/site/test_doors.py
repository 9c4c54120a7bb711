# SPDX-License-Identifier: Apache-2.0
"""The three doors: a checkout, an installed collection, a controller wheel. Each runs its own copy, from anywhere."""

from __future__ import annotations

import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from .conftest import bare_environment, extra

# Ends in the first check of the role, whose path tells which copy runs.
WRONG = extra(mod_wsgi_nonsense_of_the_test=1)


def copy_that_runs(found: subprocess.CompletedProcess) -> str:
    assert "unknown variable 'mod_wsgi_nonsense_of_the_test'" in found.stdout + found.stderr
    included = re.search(r"included: (/.*?)/roles/mod_wsgi/tasks/validate\.yml", found.stdout)
    assert included, found.stdout
    return included.group(1)


@pytest.fixture
def installed(checkout: Path, tmp_path: Path) -> Path:
    """`ansible-galaxy collection install` of the checkout into an empty directory."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible",
            "galaxy",
            "collection",
            "install",
            str(checkout),
            "-p",
            str(tmp_path / "galaxy"),
        ],
        cwd="/",
        env=bare_environment(),
        check=True,
        capture_output=True,
    )
    return tmp_path / "galaxy"


def test_a_checkout(play, checkout):
    found = copy_that_runs(play(str(checkout / "site.yml"), *WRONG))
    assert found == str(checkout / "collections/ansible_collections/modwsgi/toolkit")


def test_an_installed_collection(play, installed):
    found = copy_that_runs(play("modwsgi.toolkit.site", *WRONG, ANSIBLE_COLLECTIONS_PATH=str(installed)))
    assert found == str(installed / "ansible_collections/modwsgi/toolkit")


def test_an_installed_collection_is_whole_and_has_no_more(installed, checkout):
    tree = installed / "ansible_collections/modwsgi/toolkit"
    for name in (
        "examples/wsgi.py",
        "mod_wsgi_src/backend/build_backend.py",
        "mod_wsgi_src/module/apache",
        "roles/mod_wsgi",
    ):
        assert (tree / name).exists(), name
    for name in (
        *("collections", "molecule", "tests", "bench", "reliability", "build", "run", ".venv", "setup.py", "site.yml"),
        "tools",
    ):
        assert not (tree / name).exists(), name


@pytest.mark.slow
def test_a_controller_wheel(play, checkout, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv/bin/python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(checkout)], cwd="/", check=True)
    found = copy_that_runs(play("modwsgi.toolkit.site", *WRONG, python=python))
    assert found.startswith(str(tmp_path / "venv"))
