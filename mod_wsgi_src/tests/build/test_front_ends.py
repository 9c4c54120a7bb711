# SPDX-License-Identifier: Apache-2.0
"""Every way in which people install: each must bind to the httpd that belongs to the interpreter, or do as told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import build_fakes
from build_fakes import BUNDLED, SYSTEM
from build_front import Front, Venv

OTHER = "2.4.80"


def test_plain_pip_isolated(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    log = front.run(venv.pip, "install", "-v", stub_tree)
    assert venv.built_against() == BUNDLED
    assert venv.facts()["httpd"]["executable"] == venv.own_httpd()
    assert f"building against httpd {BUNDLED} ({venv.own_httpd()}) because mod_wsgi-httpd belongs to this Python" in log


def test_newest_pip_isolated(front: Front, stub_tree: Path, tools: Path) -> None:
    venv = front.venv(bundled=BUNDLED, pip=next(tools.parent.glob("lib/python*/site-packages")))
    front.run(venv.pip, "install", stub_tree)
    assert venv.built_against() == BUNDLED


def test_pip_without_isolation(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    front.run(venv.pip, "install", "--no-build-isolation", stub_tree)
    assert venv.built_against() == BUNDLED


def test_uv_without_isolation(front: Front, stub_tree: Path, tools: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    front.run(tools / "uv", "pip", "install", "--python", venv.python, "--no-build-isolation", stub_tree)
    assert venv.built_against() == BUNDLED


def test_apxs_in_the_environment(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    other = build_fakes.system_httpd(front.directory / "other", OTHER)
    log = front.run(venv.pip, "install", "-v", stub_tree, APXS=str(other / "bin/apxs"))
    assert venv.built_against() == OTHER
    assert "because APXS in the environment names" in log


def test_setting_names_the_apxs_of_another_bundle(front: Front, stub_tree: Path) -> None:
    """mod_wsgi-apxs lies in bin and has no httpd beside it: its environment's packages do."""
    other, venv = front.venv("other", bundled=OTHER), front.venv(bundled=BUNDLED)
    script = other.bin / "mod_wsgi-apxs"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    front.run(venv.pip, "install", "--config-settings", f"apxs={script}", stub_tree)
    assert venv.facts()["httpd"]["executable"] == other.own_httpd()
    assert venv.built_against() == OTHER


def test_setting_system(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    log = front.run(venv.pip, "install", "-v", "--config-settings", "httpd=system", stub_tree)
    assert venv.built_against() == SYSTEM
    assert "because the setting httpd=system says so" in log


def test_variable_system(front: Front, stub_tree: Path) -> None:
    """The way of a pip that has no --config-settings. A setting is stronger."""
    venv = front.venv(bundled=BUNDLED)
    front.run(venv.pip, "install", stub_tree, MOD_WSGI_HTTPD="system")
    assert venv.built_against() == SYSTEM
    again = ("install", "--force-reinstall", "--config-settings", "httpd=bundled", stub_tree)
    front.run(venv.pip, *again, MOD_WSGI_HTTPD="system")
    assert venv.built_against() == BUNDLED


def test_other_environment_first_in_path(front: Front, stub_tree: Path) -> None:
    other = front.venv("other", bundled=OTHER)
    script = other.bin / "mod_wsgi-apxs"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    venv = front.venv(bundled=BUNDLED)
    path = f"{other.bin}:{front.environment['PATH']}"
    front.run(venv.pip, "install", stub_tree, PATH=path, VIRTUAL_ENV=str(other.root))
    assert venv.facts()["httpd"]["executable"] == venv.own_httpd()
    assert venv.built_against() == BUNDLED


def test_uv_isolated_says_what_it_took(front: Front, stub_tree: Path, tools: Path) -> None:
    """uv builds in an environment of its own: ours is invisible, so the system's httpd it is, and the log says so."""
    venv = front.venv(bundled=BUNDLED)
    log = front.run(tools / "uv", "pip", "install", "-v", "--python", venv.python, stub_tree)
    assert venv.built_against() == SYSTEM
    assert "because mod_wsgi-httpd is not in " in log
    # ... but what runs is decided again.
    assert located(front, venv)["executable"] == venv.own_httpd()


def test_build_isolated_says_what_it_took(front: Front, stub_tree: Path, tools: Path) -> None:
    log = front.run(tools / "python", "-m", "build", "--outdir", front.directory / "dist", stub_tree)
    assert f"building against httpd {SYSTEM}" in log
    names = sorted(path.name for path in (front.directory / "dist").iterdir())
    assert [name.rpartition(".")[2] for name in names] == ["whl", "gz"]


def test_uv_isolated_with_setting_bundled(front: Front, stub_tree: Path, tools: Path, httpd_wheels: Path) -> None:
    venv = front.venv()
    options = ("--find-links", httpd_wheels, "-C", "httpd=bundled")
    front.run(tools / "uv", "pip", "install", "--python", venv.python, *options, stub_tree)
    assert venv.built_against() == BUNDLED


def test_setting_bundled_installs_the_requirement(front: Front, stub_tree: Path, httpd_wheels: Path) -> None:
    venv = front.venv()
    options = ("--find-links", httpd_wheels, "--config-settings", "httpd=bundled")
    front.run(venv.pip, "install", *options, stub_tree)
    assert venv.built_against() == BUNDLED
    assert not Path(venv.own_httpd()).exists()


def test_path_with_a_space(front: Front, stub_tree: Path) -> None:
    venv = front.venv("a directory, with a space", bundled=BUNDLED)
    source = front.directory / "source tree" / "mod wsgi"
    source.parent.mkdir()
    shutil.copytree(stub_tree, source)
    front.run(venv.pip, "install", source)
    assert venv.built_against() == BUNDLED
    assert located(front, venv)["executable"] == venv.own_httpd()


def test_user_installation(
    front: Front, base_python: str, plain_pip: Path, stub_tree: Path, httpd_wheels: Path
) -> None:
    base = front.directory / "user base"
    surroundings = {"PYTHONUSERBASE": str(base), "PIP_BREAK_SYSTEM_PACKAGES": "1", "PYTHONPATH": str(plain_pip)}
    pip = (base_python, "-m", "pip", "install", "--user", "--ignore-installed", "--no-warn-script-location")
    front.run(*pip, "--find-links", httpd_wheels, "mod_wsgi-httpd", **surroundings)
    front.run(*pip, stub_tree, **surroundings)
    venv = Venv(base)
    assert venv.built_against() == BUNDLED
    answer = front.run(base_python, "-m", "mod_wsgi.express.httpd", PYTHONUSERBASE=str(base))
    assert json.loads(answer)["executable"] == venv.own_httpd()


def test_target_directory(front: Front, stub_tree: Path, httpd_wheels: Path) -> None:
    """pip does not tell a build about --target, so the system's httpd is built against; at run time ours is found."""
    venv = front.venv()
    target = front.directory / "target"
    front.run(venv.pip, "install", "--target", target, "--find-links", httpd_wheels, "mod_wsgi-httpd", stub_tree)
    answer = front.run(venv.python, "-m", "mod_wsgi.express.httpd", PYTHONPATH=str(target))
    located_there = json.loads(answer)
    assert located_there["executable"] == str(target / "mod_wsgi_packages/httpd/bin/httpd")
    assert located_there["source"] == "bundled"


def test_warm_wheel_cache(front: Front, stub_tree: Path, tools: Path) -> None:
    """pip gives the second environment the wheel of the first, which was built against another httpd."""
    dist = front.directory / "dist"
    front.run(tools / "python", "-m", "build", "--sdist", "--outdir", dist, stub_tree)
    arguments = ("install", "--find-links", dist, "mod_wsgi")
    first = front.venv("first")
    front.run(first.pip, *arguments, PIP_CACHE_DIR=str(front.directory / "cache"))
    second = front.venv("second", bundled=BUNDLED)
    log = front.run(second.pip, *arguments, PIP_CACHE_DIR=str(front.directory / "cache"))
    assert "Using cached" in log
    assert second.built_against() == SYSTEM
    assert located(front, first)["version"] == SYSTEM
    assert located(front, second)["executable"] == second.own_httpd()


def test_build_runs_without_an_index_and_writes_nothing_to_its_source(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=BUNDLED)
    before = snapshot(stub_tree)
    front.run(venv.pip, "install", stub_tree)
    assert snapshot(stub_tree) == before


def located(front: Front, venv: Venv) -> dict[str, object]:
    """What mod_wsgi-express of an environment would start."""
    return json.loads(front.run(venv.python, "-m", "mod_wsgi.express.httpd"))


def snapshot(tree: Path) -> dict[str, int]:
    paths = (path for path in tree.rglob("*") if "__pycache__" not in path.parts and path.is_file())
    return {str(path): path.stat().st_mtime_ns for path in paths}
