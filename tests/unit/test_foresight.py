# SPDX-License-Identifier: Apache-2.0
"""What check mode makes of an environment that is not there yet: by its wheels, by its files, or by nothing at all."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import foresight

NOW, THEN = b"the module that runs", b"another module"
ABI = {"3.11": "cp311", "3.13": "cp313"}


def facts(python: str) -> str:
    return json.dumps({"module": f"mod_wsgi-py{python.replace('.', '')}.so", "python": {"version": f"{python}.2"}})


def wheel(directory: Path, content: bytes, python: str = "3.11") -> str:
    path = directory / f"mod_wsgi-4.4.11-{ABI[python]}-{ABI[python]}-linux_x86_64.whl"
    module = f"mod_wsgi/server/{json.loads(facts(python))['module']}"
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mod_wsgi/server/build.json", facts(python))
        archive.writestr(module, content)
        archive.writestr("mod_wsgi-4.4.11.dist-info/RECORD", f"{module},sha256={digest},9\nx,,\n")
    return str(path)


def environment(path: Path, content: bytes, python: str = "3.11", httpd: str = "") -> str:
    packages = path / "lib" / f"python{python}" / "site-packages"
    server = packages / "mod_wsgi" / "server"
    server.mkdir(parents=True)
    (server / "build.json").write_text(facts(python))
    (server / json.loads(facts(python))["module"]).write_bytes(content)
    if httpd:
        (packages / f"mod_wsgi_httpd-{httpd}.dist-info").mkdir()
    (path / "complete").touch()
    return str(path)


@pytest.fixture
def recorded(tmp_path: Path) -> dict:
    """An instance with releases, whose `current` leads to the environment of now; the httpd is the system's."""
    environment(tmp_path / "venvs" / "now", NOW)
    (tmp_path / "current").mkdir()
    link = tmp_path / "current" / "venv"
    link.symlink_to(tmp_path / "venvs" / "now")
    module = link / "lib/python3.11/site-packages/mod_wsgi/server/mod_wsgi-py311.so"
    return {
        "httpd": {"executable": "/usr/sbin/apache2", "version": "2.4.66"},
        "module": {"path": str(module), "sha256": hashlib.sha256(NOW).hexdigest()},
        "python": {"home": str(link), "version": "3.11.2"},
    }


@pytest.fixture
def coming(recorded: dict, tmp_path: Path):
    def make(venv: str = "", wheels: list[str] | None = None, home: str = "") -> foresight.Environment:
        python = f"{home or recorded['python']['home']}/bin/python"
        return foresight.Environment(
            python, venv or str(tmp_path / "venvs/then"), wheels or ["not built yet"], recorded
        )

    return make


def bundled(recorded: dict) -> None:
    place = "lib/python3.11/site-packages/mod_wsgi_packages/httpd/bin/httpd"
    recorded["httpd"] = {"executable": f"{recorded['python']['home']}/{place}", "version": "2.4.69"}


def test_the_environment_that_is_there_is_left_to_express(coming, tmp_path):
    found = coming(str(tmp_path / "venvs/now"))
    assert (found.reasons(), found.changes(str(tmp_path))) == ([], False)


def test_other_requirements_are_the_same_module(coming, tmp_path):
    assert coming(wheels=[wheel(tmp_path, NOW)]).reasons() == []
    assert coming(environment(tmp_path / "venvs/then", NOW)).reasons() == []


def test_another_module(coming, tmp_path, recorded):
    for found in (
        coming(wheels=[wheel(tmp_path, THEN)]),
        coming(environment(tmp_path / "venvs/then", THEN)),
        coming(str(tmp_path / "venvs/to-come")),
    ):
        assert found.reasons() == ["module changed"]
        assert not found.changes(recorded["module"]["path"])  # which is the same, through the link


def test_half_an_environment_is_told_by_its_wheels(coming, tmp_path):
    half = environment(tmp_path / "venvs/then", THEN)
    Path(half, "complete").unlink()
    assert coming(half, [wheel(tmp_path, NOW)]).reasons() == []


def test_another_python_has_other_paths(coming, tmp_path, recorded):
    found = coming(wheels=[wheel(tmp_path, THEN, "3.13")])
    assert found.reasons() == ["module changed", "python changed"]
    assert found.changes(f"LoadModule wsgi_module {recorded['module']['path']}")
    assert not found.changes(f"home {recorded['python']['home']}")


def test_without_releases_another_environment_is_another_path(coming, tmp_path, recorded):
    recorded["python"]["home"] = str(tmp_path / "venvs/now")
    recorded["module"]["path"] = recorded["module"]["path"].replace("current/venv", "venvs/now")
    found = coming(wheels=[wheel(tmp_path, NOW)], home=str(tmp_path / "venvs/then"))
    assert found.reasons() == ["module changed", "python changed"]
    assert found.changes(f"python-home={tmp_path}/venvs/now")
    assert not found.changes("threads=5")
    assert found.python == str(tmp_path / "venvs/now/bin/python")


def test_another_bundled_httpd(coming, tmp_path, recorded):
    bundled(recorded)
    module = wheel(tmp_path, NOW)
    same = ["/x/mod_wsgi_httpd-2.4.69.1-cp311-cp311-linux_x86_64.whl", module]
    assert coming(wheels=same).reasons() == []
    newer = ["/x/mod_wsgi_httpd-2.4.70.1-cp311-cp311-linux_x86_64.whl", module]
    assert coming(wheels=newer).reasons() == ["httpd changed"]
    assert coming(environment(tmp_path / "venvs/then", NOW, httpd="2.4.70.1")).reasons() == ["httpd changed"]


def test_from_the_bundled_httpd_to_that_of_the_system_and_back(coming, tmp_path, recorded):
    there = coming(wheels=["/x/mod_wsgi_httpd-2.4.69.1-cp311-cp311-linux_x86_64.whl", wheel(tmp_path, NOW)])
    assert there.reasons() == ["httpd changed"]
    assert there.changes("HTTPD=/usr/sbin/apache2")
    bundled(recorded)
    back = coming(wheels=[wheel(tmp_path, NOW)])
    assert back.reasons() == ["httpd changed"]
    assert back.changes(f"HTTPD={recorded['httpd']['executable']}")
