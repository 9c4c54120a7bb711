# SPDX-License-Identifier: Apache-2.0
"""The three doors: a checkout, an installed collection, a controller wheel. Each runs its own copy, from anywhere."""

from __future__ import annotations

import re

from .conftest import Door, extra

# Ends in the first check of the role, whose path tells which copy runs.
WRONG = extra(mod_wsgi_nonsense_of_the_test=1)


def test_a_door_leads_to_its_own_copy(play, door: Door):
    found = play(door.playbooks["site"], *WRONG, python=door.python, **door.environment)
    assert "unknown variable 'mod_wsgi_nonsense_of_the_test'" in found.stdout + found.stderr
    origin = re.search(r"Origin: (/.*?)/roles/mod_wsgi/tasks/validate\.yml", found.stdout + found.stderr)
    assert origin, found.stdout + found.stderr
    assert origin.group(1) == str(door.copy)


def test_an_installed_collection_is_whole_and_has_no_more(collection_door: Door):
    for name in (
        "examples/wsgi.py",
        "mod_wsgi_src/backend/build_backend.py",
        "mod_wsgi_src/module/apache",
        "roles/mod_wsgi",
    ):
        assert (collection_door.copy / name).exists(), name
    for name in (
        *("collections", "molecule", "tests", "bench", "reliability", "build", "run", ".venv", "setup.py", "site.yml"),
        "tools",
    ):
        assert not (collection_door.copy / name).exists(), name
