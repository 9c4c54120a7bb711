# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_wheelhouse: removes what newer wheels have replaced, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_wheelhouse

FAMILY = "debian-12-x86_64-glibc-2.36-cp311-system"


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """Five of a family, from old to new, and what is not of it."""
    for age, name in enumerate([f"{FAMILY}-k000000000{digit}" for digit in range(5)]):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.whl").write_text("")
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    for name in (FAMILY, f"{FAMILY}-k0", f"{FAMILY}s-k0000000009", "requirements", "other-k0000000009"):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1, 1))
    return tmp_path


def left(path: Path) -> list[int]:
    return sorted(int(child.name[-1]) for child in path.glob(f"{FAMILY}-k000000000?"))


def test_the_newest_stay_and_others_are_not_touched(wheelhouse, run_module):
    found = run_module(mod_wsgi_wheelhouse, path=str(wheelhouse), families=[FAMILY], keep=3)
    assert found["changed"] is True
    assert left(wheelhouse) == [2, 3, 4]
    assert len(list(wheelhouse.iterdir())) == 3 + 5
    again = run_module(mod_wsgi_wheelhouse, path=str(wheelhouse), families=[FAMILY], keep=3)
    assert (again["changed"], again["removed"]) == (False, [])


def test_what_is_in_use_stays_however_old(wheelhouse, run_module):
    run_module(mod_wsgi_wheelhouse, path=str(wheelhouse), families=[FAMILY], current=[f"{FAMILY}-k0000000000"], keep=2)
    assert left(wheelhouse) == [0, 4]


def test_releases_of_one_family(wheelhouse, run_module):
    (wheelhouse / f"{FAMILY}-2.4.69.1-k0000000007").mkdir()
    run_module(mod_wsgi_wheelhouse, path=str(wheelhouse), families=[FAMILY], keep=1)
    assert left(wheelhouse) == []
    assert (wheelhouse / f"{FAMILY}-2.4.69.1-k0000000007").is_dir()


def test_check_mode_and_no_wheelhouse(wheelhouse, run_module):
    found = run_module(mod_wsgi_wheelhouse, check=True, path=str(wheelhouse), families=[FAMILY], keep=4)
    assert (found["changed"], found["removed"]) == (True, [str(wheelhouse / f"{FAMILY}-k0000000000")])
    assert left(wheelhouse) == [0, 1, 2, 3, 4]
    found = run_module(mod_wsgi_wheelhouse, path=str(wheelhouse / "none"), families=[FAMILY])
    assert found["changed"] is False


def test_none_at_all_cannot_be_kept(wheelhouse, run_module):
    found = run_module(mod_wsgi_wheelhouse, path=str(wheelhouse), families=[FAMILY], keep=0)
    assert found.failed
    assert "mod_wsgi_build_keep is 0" in found["msg"]
