# SPDX-License-Identifier: Apache-2.0
"""The files that are handed out: wheel and source distribution."""

from __future__ import annotations

import ast
import re
import tarfile
import zipfile
from pathlib import Path

import build_fakes
import metadata
from build_front import TREE, Front


def build_wheel(front: Front, source: Path, **extra: str) -> Path:
    directory = front.directory / "wheels"
    front.run(front.venv("builder").pip, "wheel", "-w", directory, source, **extra)
    return next(directory.glob("*.whl"))


def test_wheel_content_and_version(front: Front, stub_tree: Path) -> None:
    wheel = build_wheel(front, stub_tree)
    version = wheel.name.split("-")[1]
    assert re.fullmatch(r"4\.4\.11\+toolkit\.0\.1\.0\.k[0-9a-f]{10}", version)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert archive.read("mod_wsgi/TOOLKIT").decode().strip() == version
        record = archive.read(f"mod_wsgi-{version}.dist-info/RECORD").decode().splitlines()
        assert [line.split(",")[0] for line in record] == sorted(names[:-1]) + names[-1:]
    assert any(re.fullmatch(r"mod_wsgi/server/mod_wsgi-py3\d+\.cpython-.*\.so", name) for name in names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".c", ".o"))]


def test_wheel_is_reproducible(front: Front, stub_tree: Path) -> None:
    first = build_wheel(front, stub_tree)
    content = first.read_bytes()
    first.unlink()
    front.run(front.directory / "builder/bin/pip", "wheel", "-w", first.parent, stub_tree)
    assert first.read_bytes() == content


def test_installed_package_tells_what_it_is(front: Front, stub_tree: Path) -> None:
    venv = front.venv()
    front.run(venv.pip, "install", stub_tree)
    code = "import mod_wsgi; print(mod_wsgi.version, mod_wsgi.toolkit_version, mod_wsgi.installed_version())"
    assert front.run(venv.python, "-c", code).split() == ["(4,", "4,", "11)", "0.1.0", venv.facts()["version"]]
    assert front.run(venv.pip, "check").strip() == "No broken requirements found."
    assert (venv.bin / "mod_wsgi-express").is_file()
    front.run(venv.pip, "uninstall", "-y", "mod_wsgi")
    assert not (venv.packages / "mod_wsgi").exists()


def test_another_package_of_the_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    import mod_wsgi

    assert mod_wsgi.installed_version(str(tmp_path)) is None


def test_pip_replaces_a_wheel_that_was_built_for_another_httpd(front: Front, stub_tree: Path) -> None:
    venv = front.venv()
    front.run(venv.pip, "install", stub_tree)
    other = build_fakes.system_httpd(front.directory / "other", "2.4.80")
    front.run(venv.pip, "install", stub_tree, APXS=str(other / "bin/apxs"))
    assert venv.built_against() == "2.4.80"


def test_sdist_builds_by_every_name(front: Front, stub_tree: Path, tools: Path) -> None:
    """From its path and from an index, where front ends insist on the version that the file's name announces."""
    dist = front.directory / "dist"
    front.run(tools / "python", "-m", "build", "--sdist", "--outdir", dist, stub_tree)
    sdist = next(dist.iterdir())
    assert sdist.name == "mod_wsgi-4.4.11+toolkit.0.1.0.tar.gz"
    with tarfile.open(sdist) as archive:
        top = "mod_wsgi-4.4.11+toolkit.0.1.0"
        assert f"{top}/module/apache/stub.c" in archive.getnames()
        information = archive.extractfile(f"{top}/PKG-INFO")
        assert information is not None
        assert b"\nVersion: 4.4.11+toolkit.0.1.0\n" in information.read()
    for name, arguments in {"path": (sdist,), "index": ("--find-links", dist, "mod_wsgi")}.items():
        venv = front.venv(name)
        front.run(venv.pip, "install", *arguments)
        assert venv.facts()["version"] == "4.4.11+toolkit.0.1.0"
        assert venv.facts()["platform_key"]
    venv = front.venv("uv")
    front.run(tools / "uv", "pip", "install", "--python", venv.python, "--find-links", dist, "mod_wsgi")
    assert venv.facts()["version"] == "4.4.11+toolkit.0.1.0"


def test_the_version_is_told_the_same_everywhere() -> None:
    import mod_wsgi

    assert ".".join(map(str, mod_wsgi.version)) == metadata.LEVEL
    assert mod_wsgi.toolkit_version == metadata.toolkit_version()


def test_the_package_runs_on_the_oldest_python_it_promises() -> None:
    for path in [*(TREE / "mod_wsgi").rglob("*.py"), *(TREE / "backend").glob("*.py")]:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 9))
