# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_release: the target half, with the table and the archive that the controller half would send."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import releases, tree
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_release
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import archives


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "shop").mkdir(parents=True)
    (source / "shop" / "wsgi.py").write_text("1")
    (source / "requirements.txt").write_text("")
    return source


class Host:
    """Releases of the instance `shop` below a directory, as the role handles them."""

    def __init__(self, run_module, tmp_path: Path, source: Path) -> None:
        self.run, self.tmp, self.source, self.root = run_module, tmp_path, source, tmp_path / "apps" / "shop"
        (tmp_path / "venvs").mkdir()

    def stage(self, version: str | None = None, check: bool = False, interrupted: bool = False, **more):
        args = {"name": "shop", "state": "staged", "root": str(self.root), "src": str(self.source), **more}
        args.update(manifest=tree.manifest(str(self.source), []), **({"version": version} if version else {}))
        asked = self.run(mod_wsgi_release, check=check, **args)
        if check or interrupted or asked.failed or not asked["sent"]:
            return asked
        archive = self.tmp / "sent.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for path in asked["sent"]:
                tar.add(self.source / path, path)
        return self.run(mod_wsgi_release, archive=str(archive), **args)

    def venv(self, number: int) -> str:
        path = self.tmp / "venvs" / f"shop-{number:012x}"
        path.mkdir(exist_ok=True)
        os.utime(path, (number, number))
        return str(path)

    def switch(self, version: str, venv: int = 1, check: bool = False):
        args = {"state": "current", "version": version, "venv": self.venv(venv)}
        return self.run(mod_wsgi_release, check=check, name="shop", root=str(self.root), **args)

    def settle(self, version: str, venv: int = 1, check: bool = False, keep: int = 3):
        base = str(self.tmp / "venvs" / "shop")
        args = {"version": version, "venv": self.venv(venv), "venv_base": base, "keep": keep}
        return self.run(mod_wsgi_release, check=check, name="shop", state="settled", root=str(self.root), **args)

    def back(self, **more):
        """What the rollback playbook does: look, then switch and keep all."""
        found = self.run(mod_wsgi_release, name="shop", state="previous", root=str(self.root), **more)
        if found.failed:
            return found
        args = {"version": found["version"], "venv": found["venv"], "name": "shop", "root": str(self.root)}
        switched = self.run(mod_wsgi_release, state="current", **args)
        assert not self.run(mod_wsgi_release, state="settled", **args).failed
        return switched

    def put(self, version: str, text: str, venv: int = 1):
        """A release up to the switch, where it may be interrupted or may turn out not to be healthy."""
        (self.source / "shop" / "wsgi.py").write_text(text)
        assert not self.stage(version).failed
        return self.switch(version, venv)

    def release(self, version: str, text: str, venv: int = 1, **more):
        self.put(version, text, venv)
        return self.settle(version, venv, **more)

    def served(self) -> tuple[str, str]:
        """What the link leads to: the code, and the name of the environment."""
        current = self.root / "current"
        return (current / "code/shop/wsgi.py").read_text(), os.path.basename(os.readlink(current / "venv"))

    def versions(self) -> list[str]:
        return sorted(path.name for path in (self.root / "releases").iterdir())


@pytest.fixture
def host(run_module, tmp_path, source) -> Host:
    return Host(run_module, tmp_path, source)


def times(root: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in [root, *root.rglob("*")]}


def test_staging_leaves_what_is_served(host):
    host.release("1", "one")
    (host.source / "shop" / "wsgi.py").write_text("two")
    staged = host.stage("2")
    assert (staged["changed"], staged["version"], staged["was"]["version"]) == (True, "2", "1")
    assert host.served()[0] == "one"
    switched = host.switch("2", 2)
    assert (switched["changed"], switched["release"], switched["was"]["version"]) == (True, "2 shop-000000000002", "1")
    assert host.served() == ("two", "shop-000000000002")


def test_a_second_run_touches_nothing(host):
    host.release("1", "one")
    before = times(host.root)
    assert host.stage("1")["changed"] is False
    assert host.switch("1")["changed"] is False
    assert host.settle("1")["changed"] is False
    assert times(host.root) == before


def test_without_a_version_the_content_names_it(host):
    first = host.stage()["version"]
    assert len(first) == releases.SHORT
    (host.source / "shop" / "wsgi.py").write_text("other")
    assert host.stage()["version"] != first


def test_a_version_that_is_served_never_changes(host):
    host.release("1", "one")
    (host.source / "shop" / "wsgi.py").write_text("other")
    refused = host.stage("1")
    assert refused.failed
    for part in ("instance 'shop': release 1 is served here", "shop/wsgi.py", "another version"):
        assert part in refused["msg"]
    assert host.served()[0] == "one"


def test_a_version_that_is_not_served_is_made_anew(host):
    host.release("1", "one")
    (host.source / "shop" / "wsgi.py").write_text("broken")
    host.stage("2")
    host.release("2", "mended")
    assert host.served()[0] == "mended"
    assert host.versions() == ["1", "2"]


def test_what_somebody_changed_in_a_release_that_its_content_names_is_put_right(host):
    version = host.stage()["version"]
    host.switch(version)
    (host.root / "current/code/shop/wsgi.py").write_text("by hand")
    assert host.stage()["sent"] == ["shop/wsgi.py"]
    assert host.served()[0] == "1"


def test_half_a_release_is_completed(host):
    half = host.root / "releases" / ".1.part" / "code" / "shop"
    half.mkdir(parents=True)
    (half / "wsgi.py").write_text("1")
    (half / "left.over").write_text("")
    assert host.stage("1")["sent"] == ["requirements.txt"]
    assert host.versions() == ["1"]
    assert not (host.root / "releases/1/code/shop/left.over").exists()


def test_check_mode_writes_nothing(host):
    assert host.stage("1", check=True)["sent"] == ["requirements.txt", "shop/wsgi.py"]
    assert host.switch("1", check=True)["changed"] is True
    assert host.settle("1", check=True)["changed"] is False
    assert not host.root.exists()
    host.release("1", "one")
    before = times(host.root)
    assert host.switch("1", 2, check=True)["changed"] is True
    assert host.settle("1", 2, check=True)["changed"] is True
    assert times(host.root) == before
    assert host.switch("1", 2)["changed"] is True
    assert host.settle("1", 2)["changed"] is True


def test_releases_beyond_keep_go_and_environments_that_none_needs(host):
    for number in (1, 2, 3, 4):
        host.release(str(number), f"text {number}", venv=number, keep=2)
    assert host.versions() == ["3", "4"]
    # Those of both releases, and the newest of the others: daemons may still be ending in it.
    assert sorted(path.name[-1] for path in (host.tmp / "venvs").iterdir()) == ["2", "3", "4"]
    assert host.settle("4", 4, keep=2)["changed"] is False


def test_without_releases_only_environments_are_looked_after(host):
    for number in (1, 2, 3):
        host.venv(number)
    assert host.switch("", 3)["changed"] is False
    done = host.settle("", 3)
    assert [os.path.basename(path) for path in done["removed"]] == ["shop-000000000001"]
    assert (done["version"], done["release"]) == ("", "")
    assert not host.root.exists()


def test_back_and_further_back(host):
    for number in (1, 2, 3):
        host.release(str(number), f"text {number}", venv=number)
    assert host.back()["release"] == "2 shop-000000000002"
    assert host.served() == ("text 2", "shop-000000000002")
    assert host.back()["version"] == "1"
    assert host.versions() == ["1", "2", "3"]
    nothing = host.back()
    assert nothing.failed
    assert "no release before 1" in nothing["msg"]


def test_back_to_a_version(host):
    for number in (1, 2, 3):
        host.release(str(number), f"text {number}")
    assert host.back(version="1")["changed"] is True
    assert host.back(version="1")["changed"] is False
    unknown = host.back(version="9")
    assert unknown.failed
    assert "release 9 is not on this host" in unknown["msg"]


def test_a_new_environment_for_the_same_version(host):
    host.release("1", "one", venv=1)
    switched = host.switch("1", 2)
    assert (switched["changed"], os.path.basename(switched["was"]["venv"])) == (True, "shop-000000000001")
    assert host.served() == ("one", "shop-000000000002")


def test_a_switch_that_was_interrupted_before_the_link(host):
    """The history is written first: the present release stays the present one."""
    host.release("1", "one")
    host.release("2", "two")
    host.stage("3")
    (host.root / "history.json").write_text('["1", "2", "3"]')
    here = releases.Releases(str(host.root))
    assert (here.current(), here.previous()) == ("2", "1")


def test_after_an_interruption_what_was_served_is_what_was_healthy(host):
    """The server may not have taken up what the link leads to."""
    host.release("1", "one", venv=1)
    host.put("2", "two", venv=2)
    was = {"version": "1", "venv": host.venv(1)}
    assert host.stage("2")["was"] == was
    again = host.switch("2", 2)
    assert (again["changed"], again["was"]) == (False, was)
    assert host.settle("2", 2)["changed"] is True
    assert host.stage("2")["was"] == {"version": "2", "venv": host.venv(2)}
    assert host.settle("2", 2)["changed"] is False


def test_after_an_interruption_with_a_new_environment_only(host):
    host.release("1", "one", venv=1)
    host.switch("1", 2)
    assert host.stage("1")["was"] == {"version": "1", "venv": host.venv(1)}
    host.switch("1", 1)
    host.settle("1", 1)
    assert host.served() == ("one", "shop-000000000001")


def test_what_was_never_healthy_is_nothing_to_go_back_to(host):
    host.release("1", "one")
    host.put("2", "two")
    host.release("3", "three", keep=2)
    assert host.versions() == ["1", "3"]
    assert host.back()["version"] == "1"


def test_back_from_an_update_that_was_interrupted(host):
    for number in (1, 2):
        host.release(str(number), f"text {number}")
    host.put("3", "three")
    assert host.back()["version"] == "2"


def test_a_way_back_that_was_interrupted_goes_no_further(host):
    for number in (1, 2, 3):
        host.release(str(number), f"text {number}")
    host.switch("2")
    assert host.back()["version"] == "2"
    assert host.back()["version"] == "1"


def test_what_may_still_be_served_never_changes(host):
    host.release("1", "one")
    host.put("2", "two")
    (host.source / "shop" / "wsgi.py").write_text("other")
    for version in ("1", "2"):
        assert "is served here" in host.stage(version)["msg"]


def test_what_is_not_served_cannot_settle(host):
    host.release("1", "one")
    host.stage("2")
    refused = host.settle("2")
    assert refused.failed
    assert "release 2 is not the one that is served" in refused["msg"]


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        ({"version": "../1"}, ["release.version '../1'"]),
        ({"needs": ["shop/wsgi.py", "shop/mailer.py"]}, ["shop/mailer.py is not in"]),
        ({"owner": "no-such-user"}, ["no-such-user"]),
    ],
)
def test_mistakes(host, more, parts):
    refused = host.stage(**more)
    assert refused.failed
    for part in ["instance 'shop'", *parts]:
        assert part in refused["msg"]
    assert not host.root.exists()


def test_an_unstaged_version_cannot_be_served(host):
    refused = host.switch("7")
    assert refused.failed
    assert "release 7 is not on this host" in refused["msg"]


def tar(path: Path, *members: tarfile.TarInfo) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return str(path)


def member(name: str, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = 1 if "type" not in fields else 0
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def test_an_archive_is_its_files(tmp_path):
    path = tar(tmp_path / "a.tgz", member("shop-1/wsgi.py"), member("shop-1/bin/tool", mode=0o755))
    with archives.opened(path, strip=1) as directory:
        found = tree.manifest(directory, [])
    assert {name: row["executable"] for name, row in found.items()} == {"wsgi.py": False, "bin/tool": True}
    assert not os.path.exists(directory)


def test_a_zip_is_its_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("shop/wsgi.py", "x")
    with archives.opened(str(tmp_path / "a.zip")) as directory:
        assert list(tree.manifest(directory, [])) == ["shop/wsgi.py"]


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (member("../outside"), "leads out of the archive"),
        (member("/etc/outside"), "leads out of the archive"),
        (member("link", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "neither file nor directory"),
    ],
)
def test_an_archive_cannot_reach_elsewhere(tmp_path, bad, part):
    path = tar(tmp_path / "a.tgz", bad)
    with pytest.raises(ValueError, match=part), archives.opened(path):
        pass


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a.tgz").write_text("no")
    with pytest.raises(ValueError, match="cannot be unpacked"), archives.opened(str(tmp_path / "a.tgz")):
        pass
