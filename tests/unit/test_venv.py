# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_venv: an environment is named after its contents, made once, and complete or made anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_venv

# Is python and pip of what it makes, and notes how it was called.
PYTHON = """#!/bin/sh
echo "$(basename "$0") $*" >>{notes}
case "$*" in
    *"{fails}"*) echo "no such package"; exit 3 ;;
    "-m venv --clear "*) mkdir -p "$4/bin"; rm -f "$4/complete"; cp "$0" "$4/bin/python"; cp "$0" "$4/bin/pip" ;;
    "-m mod_wsgi.express.httpd repair") echo '{{"has_ssl": {ssl}}}' ;;
    "-c "*) echo {version} ;;
esac
"""


class Host:
    def __init__(self, run_module, tmp_path: Path) -> None:
        self.run, self.tmp, self.notes = run_module, tmp_path, tmp_path / "notes"
        self.requirements = tmp_path / "requirements.txt"
        self.requirements.write_text("flask\n")
        self.python()

    def python(self, fails: str = "--no-such-option", ssl: str = "true", version: str = "5.0") -> None:
        script = self.tmp / "python3"
        script.write_text(PYTHON.format(notes=self.notes, fails=fails, ssl=ssl, version=version))
        script.chmod(0o755)

    def make(self, check: bool = False, **more):
        args = {"name": "shop", "base": str(self.tmp / "shop"), "python": str(self.tmp / "python3"), "version": "5.0"}
        args |= {"wheels": ["/w/key/mod_wsgi-5.0.whl"], "requirements": str(self.requirements)}
        return self.run(mod_wsgi_venv, check=check, **args | more)

    def calls(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []


@pytest.fixture
def host(run_module, tmp_path: Path) -> Host:
    return Host(run_module, tmp_path)


def test_made_once(host):
    made = host.make()
    assert made["changed"]
    path = made["path"]
    keep = f"-c {path}/constraints.txt"
    assert host.calls() == [
        f"python3 -m venv --clear {path}",
        f"pip install --no-index --no-deps {keep} /w/key/mod_wsgi-5.0.whl",
        f"pip install {keep} -r {host.requirements}",
        "python -c import mod_wsgi; print(mod_wsgi.installed_version())",
    ]
    assert Path(path, "constraints.txt").read_text() == "mod_wsgi==5.0\n"
    host.notes.unlink()
    again = host.make()
    assert (again["changed"], again["path"], host.calls()) == (False, path, [])


def test_users_read_it_whatever_the_umask(host):
    before = os.umask(0o077)
    try:
        path = Path(host.make()["path"])
    finally:
        os.umask(before)
    assert {entry.stat().st_mode & 0o055 for entry in (path, path / "bin", path / "bin" / "pip")} == {0o055}


def test_named_after_its_contents(host):
    first = host.make(check=True)["path"]
    assert first == host.make(check=True, wheels=["/elsewhere/key/mod_wsgi-5.0.whl"])["path"]
    assert first != host.make(check=True, wheels=["/w/other/mod_wsgi-5.0.whl"])["path"]
    assert first != host.make(check=True, requirements="")["path"]
    host.requirements.write_text("flask==3\n")
    assert first != host.make(check=True)["path"]


def test_check_mode_makes_nothing_and_knows_the_path(host):
    foreseen = host.make(check=True)
    assert foreseen["changed"]
    assert host.calls() == []
    made = host.make()
    assert made["path"] == foreseen["path"]
    assert not host.make(check=True)["changed"]


def test_requirements_that_are_still_to_come(host):
    made = host.make()["path"]
    digest = "1ce0db14d4fe9d1e4d6dc9ba4ff3fbbde4a0a1a7d3d6ac9cb0e0a5ee2c2fb4f3"
    later = str(host.tmp / "later.txt")
    assert host.make(check=True, requirements=later)["path"] != made
    with_digest = host.make(check=True, requirements=later, requirements_sha256=digest)["path"]
    assert with_digest == host.make(check=True, requirements_sha256=digest)["path"]
    missing = host.make(requirements=later)
    assert missing.failed
    assert "instance 'shop': requirements" in missing["msg"]
    assert "Correct the path" in missing["msg"]


def test_without_stamp_it_is_made_anew(host):
    path = Path(host.make()["path"])
    (path / "complete").unlink()
    host.python(fails=" -r ")
    failed = host.make()
    assert failed.failed
    assert "instance 'shop': installing the requirements failed" in failed["msg"]
    assert "no such package" in failed["msg"]
    assert not (path / "complete").exists()
    host.python()
    assert host.make()["changed"]
    assert (path / "complete").exists()


def test_the_bundled_httpd_is_repaired_and_has_tls(host):
    host.python(ssl="false")
    refused = host.make(httpd="bundled")
    assert refused.failed
    assert "has no mod_ssl" in refused["msg"]
    host.python()
    assert host.make(httpd="bundled")["changed"]
    assert "python -m mod_wsgi.express.httpd repair" in host.calls()


def test_requirements_cannot_bring_another_mod_wsgi(host):
    host.python(version="4.9")
    refused = host.make()
    assert refused.failed
    assert "mod_wsgi 4.9 is in" in refused["msg"]
    assert "5.0 is wanted" in refused["msg"]
