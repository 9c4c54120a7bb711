# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_tree: the target half, with the table and the archive that the controller half would send."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import mirror, tree
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "package" / "deep").mkdir(parents=True)
    (source / "wsgi.py").write_text("1")
    (source / "package" / "deep" / "module.py").write_text("2")
    (source / "tool").write_text("#!/bin/sh\n")
    (source / "tool").chmod(0o755)
    (source / "__pycache__").mkdir()
    (source / "__pycache__" / "x.pyc").write_text("")
    return source


def archive(source: Path, paths: list[str], to: Path) -> str:
    with tarfile.open(to, "w:gz") as tar:
        for path in paths:
            tar.add(source / path, path)
    return str(to)


@pytest.fixture
def mirrored(run_module, source, tmp_path):
    dest = tmp_path / "dest"

    def run(check: bool = False, **more: object):
        args = {
            "src": str(source),
            "dest": str(dest),
            "exclude": ["__pycache__"],
            "manifest": tree.manifest(str(source), ["__pycache__"]),
            "file_mode": "0640",
            "directory_mode": "0750",
            **more,
        }
        asked = run_module(mod_wsgi_tree, check=check, **args)
        if check or asked.failed or not asked["sent"]:
            return asked
        return run_module(mod_wsgi_tree, archive=archive(source, asked["sent"], tmp_path / "a.tar.gz"), **args)

    return run, dest


def times(dest: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in [dest, *dest.rglob("*")]}


def test_first_second_and_changed(mirrored, source):
    run, dest = mirrored
    assert run()["changed"] is True
    assert (dest / "package/deep/module.py").read_text() == "2"
    assert not (dest / "__pycache__").exists()
    assert oct((dest / "wsgi.py").stat().st_mode & 0o777) == "0o640"
    assert oct((dest / "tool").stat().st_mode & 0o777) == "0o750"
    assert oct((dest / "package").stat().st_mode & 0o777) == "0o750"

    before = times(dest)
    assert run()["changed"] is False
    assert times(dest) == before

    (source / "wsgi.py").write_text("new")
    again = run()
    assert again["sent"] == ["wsgi.py"]
    assert (dest / "wsgi.py").read_text() == "new"


def test_what_the_source_lost_goes_and_what_is_excluded_stays(mirrored, source):
    run, dest = mirrored
    run()
    (dest / "__pycache__").mkdir()
    (dest / "__pycache__" / "kept.pyc").write_text("")
    (source / "package/deep/module.py").unlink()
    found = run()
    assert found["changed"] is True
    assert found["removed"] == ["package/deep/module.py"]
    assert not (dest / "package").exists()
    assert (dest / "__pycache__" / "kept.pyc").exists()


def test_a_wrong_mode_is_put_right(mirrored):
    run, dest = mirrored
    run()
    (dest / "wsgi.py").chmod(0o666)
    assert run()["changed"] is True
    assert oct((dest / "wsgi.py").stat().st_mode & 0o777) == "0o640"


def test_check_mode_writes_nothing(mirrored):
    run, dest = mirrored
    found = run(check=True)
    assert found["changed"] is True
    assert sorted(found["sent"]) == ["package/deep/module.py", "tool", "wsgi.py"]
    assert not dest.exists()


def test_a_link_to_a_directory_is_refused(source):
    os.symlink("/", source / "everything")
    with pytest.raises(ValueError, match="a link to a directory"):
        tree.manifest(str(source), [])


def test_the_checksum_is_of_content_and_not_of_time(source):
    before = tree.checksum(tree.manifest(str(source), []))
    os.utime(source / "wsgi.py", (1, 1))
    assert tree.checksum(tree.manifest(str(source), [])) == before
    (source / "wsgi.py").write_text("other")
    assert tree.checksum(tree.manifest(str(source), [])) != before


@pytest.mark.parametrize("name", ["../outside", "not-in-the-table"])
def test_an_archive_cannot_write_elsewhere(tmp_path, name):
    dest = tmp_path / "dest"
    dest.mkdir()
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    ownership = mirror.Ownership({"owner": None, "group": None, "directory_mode": "0755", "file_mode": "0644"})
    with pytest.raises(ValueError, match="not a file of the source"):
        mirror.unpack(str(tmp_path / "bad.tar"), str(dest), {"wsgi.py": {"executable": False}}, ownership)
    assert list(tmp_path.glob("outside*")) == []
    assert list(dest.iterdir()) == []
