# SPDX-License-Identifier: Apache-2.0
"""What the backend finds, and the one message it ends with when something is missing."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import build_backend
import build_fakes
import compiler
import find_httpd
import find_python
import operating_system
import platform_key
import pytest
from build_front import Front
from mod_wsgi.server import config_vars, installation
from operating_system import BuildError

OS_RELEASE = {
    "debian": 'ID=debian\nVERSION_ID="12"\n',
    "ubuntu": 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\n',
    "rocky": 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n',
    "opensuse-leap": 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\nVERSION_ID="15.6"\n',
    "alpine": "ID=alpine\nVERSION_ID=3.20.1\n",
    "omnios": "ID=omnios\nVERSION=r151054\nVERSION_ID=r151054\n",
    "openindiana": "ID=openindiana\nVERSION_ID=2025.10\n",
}


@pytest.fixture
def nothing_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "bundled_config_vars", lambda: None)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    return build_fakes.system_httpd(tmp_path / "httpd")


def found(root: Path) -> find_httpd.BuildHttpd:
    return find_httpd.find(apxs=str(root / "bin/apxs"), environ={})


def complaint(*arguments: object, **named: object) -> str:
    with pytest.raises(BuildError) as caught:
        find_httpd.find(*arguments, **named)  # type: ignore[arg-type]
    return caught.value.reason


@pytest.mark.parametrize(
    ("name", "family", "release", "package"),
    [
        ("debian", "debian", "12", "apache2-dev"),
        ("ubuntu", "debian", "22.04", "apache2-dev"),
        ("rocky", "rhel", "9", "httpd-devel"),
        ("opensuse-leap", "suse", "15.6", "apache2-devel"),
        ("alpine", "alpine", "3.20", "apache2-dev"),
        ("omnios", "omnios", "r151054", "ooce/server/apache-24"),
        ("openindiana", "openindiana", "2025.10", "web/server/apache-24"),
    ],
)
def test_systems_with_os_release(name: str, family: str, release: str, package: str) -> None:
    system = operating_system.identify(OS_RELEASE[name], "Linux")
    assert (system.id, system.family, system.release) == (name, family, release)
    assert package in operating_system.how_to_install("httpd", system)


@pytest.mark.parametrize(
    ("kernel", "version", "expected"),
    [
        ("SunOS", "11.4.65.157.0", ("solaris", "11.4", "web/server/apache-24")),
        ("FreeBSD", "14.1-RELEASE", ("freebsd", "14.1", "apache24")),
        ("Darwin", "14.5", ("macos", "14", "httpd")),
    ],
)
def test_systems_without_os_release(kernel: str, version: str, expected: tuple[str, str, str]) -> None:
    system = operating_system.identify("", kernel, version)
    assert (system.id, system.release) == expected[:2]
    assert expected[2] in operating_system.how_to_install("httpd", system)


def test_unknown_system_still_gets_advice() -> None:
    system = operating_system.identify("ID=plan9ish\n", "Linux")
    for part in ("httpd", "python", "compiler"):
        assert operating_system.how_to_install(part, system).startswith("install ")


def test_every_system_names_every_part() -> None:
    for family in operating_system.PACKAGES:
        system = operating_system.OperatingSystem(family, "1", family, "libc")
        for part in ("httpd", "python", "compiler"):
            advice = operating_system.how_to_install(part, system)
            assert "{" not in advice
            assert len(advice.split(": ", 1)[1].split()) >= 2


def test_facts_of_an_httpd(system: Path) -> None:
    httpd = found(system)
    assert httpd.version == build_fakes.SYSTEM
    assert httpd.mmn == build_fakes.MAGIC
    assert httpd.installation.executable == str(system / "bin/httpd")
    assert httpd.include_directories == (str(system / "include"), str(system / "include/apr-1"))
    assert httpd.facts()["mpms"] == ["event"]


def test_foreign_compiler_flags_are_not_passed_on(system: Path) -> None:
    assert found(system).compiler_flags == ("-DFROM_CFLAGS", "-D_REENTRANT")


def test_apr_config_is_read_not_run(system: Path) -> None:
    """apr elsewhere: only its script knows. Running it would fail the test."""
    elsewhere = system / "elsewhere/apr-1"
    (system / "include/apr-1").rename(elsewhere.parent.joinpath("x").parent.mkdir() or elsewhere)
    (system / "bin/apr-1-config").write_text(
        f'#!/bin/false\nprefix="{system}/elsewhere"\nincludedir="${{prefix}}/apr-1"\nCPPFLAGS=" -DAPR_FLAG -O9"\n'
    )
    text = (system / "build/config_vars.mk").read_text().replace(f"APU_CONFIG = {system}", "")
    (system / "build/config_vars.mk").write_text(text + f"APU_CONFIG = {system}/bin/apr-1-config --option\n")
    httpd = found(system)
    assert httpd.include_directories == (str(system / "include"), str(elsewhere))
    assert "-DAPR_FLAG" in httpd.compiler_flags
    assert "-O9" not in httpd.compiler_flags


def test_first_directory_of_path_wins(system: Path, tmp_path: Path, nothing_bundled: None) -> None:
    second = build_fakes.system_httpd(tmp_path / "second", "2.4.91")
    (second / "bin/apxs").rename(second / "bin/apxs2")
    path = f"{system}/bin:{second}/bin"
    assert find_httpd.find(environ={"PATH": path}).version == build_fakes.SYSTEM
    path = f"{second}/bin:{system}/bin"
    assert find_httpd.find(environ={"PATH": path}).version == "2.4.91"


def test_apxs_behind_a_link(system: Path, tmp_path: Path) -> None:
    link = tmp_path / "apxs"
    link.symlink_to(system / "bin/apxs")
    assert find_httpd.find(apxs=str(link), environ={}).version == build_fakes.SYSTEM


def test_apxs_that_does_not_name_its_directory(system: Path) -> None:
    (system / "bin/apxs").write_text("#!/bin/sh\n")
    assert found(system).version == build_fakes.SYSTEM


def test_no_httpd(nothing_bundled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "KNOWN_DIRECTORIES", ())
    said = complaint(environ={"PATH": "/nonexistent"})
    assert operating_system.how_to_install("httpd") in said
    assert f"{sys.executable} -m pip install mod_wsgi-httpd" in said


def test_known_places_are_searched(system: Path, nothing_bundled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "KNOWN_DIRECTORIES", (str(system / "bin"),))
    assert find_httpd.find(environ={"PATH": "/nonexistent"}).source == "known-place"


def test_bundled_wanted_but_missing(nothing_bundled: None) -> None:
    assert "pip install mod_wsgi-httpd" in complaint("bundled", environ={})


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("include/httpd.h", "httpd.h"),
        ("include/ap_mmn.h", "ap_mmn.h"),
        ("include/apr-1/apr.h", "apr.h is missing"),
        ("include/apr-1/apu.h", "apu.h is missing"),
        ("build/config_vars.mk", "has no build/config_vars.mk"),
    ],
)
def test_incomplete_development_files(
    system: Path, broken: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (system / broken).unlink()
    monkeypatch.setattr(find_httpd.os.path, "isfile", only_below(system))
    said = complaint(apxs=str(system / "bin/apxs"), environ={})
    assert expected in said
    assert operating_system.how_to_install("httpd") in said


def only_below(root: Path):
    """os.path.isfile for a machine that has nothing but what lies below `root`."""
    return lambda path: str(path).startswith(str(root)) and Path(path).is_file()


def test_httpd_2_2_is_refused(system: Path) -> None:
    (system / "include/ap_mmn.h").write_text(
        "#define MODULE_MAGIC_NUMBER_MAJOR 20051115\n#define MODULE_MAGIC_NUMBER_MINOR 40\n"
    )
    assert "older than 2.4" in complaint(apxs=str(system / "bin/apxs"), environ={})


def test_file_that_is_not_apaches(system: Path) -> None:
    (system / "build/config_vars.mk").write_text("CC = gcc\n")
    assert "no absolute sbindir" in complaint(apxs=str(system / "bin/apxs"), environ={})


def test_variables_that_refer_to_themselves() -> None:
    variables = config_vars.MakeVariables("a = $(b)\nb = ${a}x\nc = 1 \\\n  2\nd := $(c)\nd = 3 $(c)\n")
    assert variables.get("d") == "3 1    2"
    assert variables.get("nothing") == ""
    with pytest.raises(ValueError, match="refers to itself"):
        variables.get("a")


def test_static_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"Py_ENABLE_SHARED": 0, "INSTSONAME": "libpython3.11.a"}
    replace_variables(monkeypatch, answers)
    with pytest.raises(BuildError, match="--enable-shared"):
        find_python.find()


def test_missing_libpython(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_variables(monkeypatch, {"Py_ENABLE_SHARED": 1, "INSTSONAME": "libpython3.99.so.1.0"})
    with pytest.raises(BuildError) as caught:
        find_python.find()
    assert "libpython3.99.so.1.0" in caught.value.reason
    assert operating_system.how_to_install("python") in caught.value.reason


def test_missing_python_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_python.os.path, "isfile", lambda path: not str(path).endswith("Python.h"))
    with pytest.raises(BuildError, match=r"Python\.h of .* is missing"):
        find_python.find()


def replace_variables(monkeypatch: pytest.MonkeyPatch, answers: dict[str, object]) -> None:
    real = sysconfig.get_config_var
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: answers.get(name, real(name)))


def test_no_compiler() -> None:
    with pytest.raises(BuildError) as caught:
        compiler.find_command({"PATH": "/nonexistent"})
    assert operating_system.how_to_install("compiler") in caught.value.reason
    with pytest.raises(BuildError, match="CC in the environment is 'nocc -m64'"):
        compiler.find_command({"PATH": "/nonexistent", "CC": "nocc -m64"})


def test_compiler_with_options(tmp_path: Path) -> None:
    assert compiler.find_command({"PATH": "/usr/bin", "CC": "cc -m64"}) == ["cc", "-m64"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"htpd": "system"}, "unknown setting htpd=system; known are apxs=PATH and httpd="),
        ({"httpd": "yes"}, "the setting httpd is 'yes'"),
        ({"apxs": "/nonexistent/apxs"}, "the setting apxs is '/nonexistent/apxs', which is not an executable file"),
        ({"apxs": ["a", "b"]}, "once each"),
    ],
)
def test_wrong_settings(settings: dict[str, str], expected: str) -> None:
    with pytest.raises(BuildError) as caught:
        build_backend.get_requires_for_build_wheel(settings)  # type: ignore[arg-type]
    assert expected in caught.value.reason


def test_wrong_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOD_WSGI_HTTPD", "yes")
    with pytest.raises(BuildError) as caught:
        build_backend.get_requires_for_build_wheel()
    assert "MOD_WSGI_HTTPD in the environment is 'yes'; it takes auto, bundled, system" in caught.value.reason


def test_everything_that_is_missing_is_said_at_once(front: Front, stub_tree: Path) -> None:
    """Through a front end: one message, no traceback, nothing installed."""
    venv = front.venv()
    done = front.attempt(venv.pip, "install", stub_tree, APXS="/nonexistent/apxs", CC="/nonexistent/cc")
    assert done.returncode != 0
    assert "mod_wsgi cannot be built: APXS in the environment is '/nonexistent/apxs'" in done.stdout
    assert "; CC in the environment is '/nonexistent/cc'" in done.stdout
    assert "Traceback" not in done.stdout
    assert not list(venv.packages.glob("mod_wsgi*"))


def test_error_of_the_compiler_is_shown(front: Front, stub_tree: Path) -> None:
    broken = front.directory / "broken"
    shutil.copytree(stub_tree, broken)
    (broken / "module/apache/stub.c").write_text("#include <Python.h>\nint f(void) { return no_such_name; }\n")
    done = front.attempt(front.venv().pip, "install", broken)
    assert done.returncode != 0
    assert "no_such_name" in done.stdout
    assert "stub.c does not compile" in done.stdout
    assert "Traceback" not in done.stdout


def test_c_library_without_headers(front: Front, stub_tree: Path) -> None:
    broken = front.directory / "broken"
    shutil.copytree(stub_tree, broken)
    (broken / "module/apache/stub.c").write_text("#include <no_such_libc.h>\n")
    done = front.attempt(front.venv().pip, "install", broken)
    assert f"no_such_libc.h is missing: {operating_system.how_to_install('compiler')}" in done.stdout


def test_warnings_are_errors_when_asked(front: Front, stub_tree: Path) -> None:
    sloppy = front.directory / "sloppy"
    shutil.copytree(stub_tree, sloppy)
    with (sloppy / "module/apache/stub.c").open("a") as source:
        source.write("static int unused;\n")
    venv = front.venv()
    front.run(venv.pip, "install", sloppy)
    done = front.attempt(venv.pip, "install", "--force-reinstall", sloppy, MOD_WSGI_WERROR="1")
    assert done.returncode != 0
    assert "unused" in done.stdout


def test_platform_key_moves_with_its_inputs(system: Path, tmp_path: Path) -> None:
    python = find_python.find()
    parts = platform_key.inputs(found(system), python)
    assert set(parts) == {"os", "machine", "libc", "python", "libpython", "httpd", "mmn", "source"}
    key = platform_key.key(parts)
    assert key[0] == "k"
    assert len(key) == 11
    for name in parts:
        assert platform_key.key({**parts, name: "other"}) != key
    tree = tmp_path / "tree"
    (tree / "module").mkdir(parents=True)
    (tree / "module/a.c").write_text("1")
    first = platform_key.source_hash(tree)
    (tree / "module/a.o").write_text("object")
    assert platform_key.source_hash(tree) == first
    (tree / "module/a.c").write_text("2")
    assert platform_key.source_hash(tree) != first


def test_platform_key_program(front: Front, stub_tree: Path) -> None:
    venv = front.venv(bundled=build_fakes.BUNDLED)
    program = (venv.python, stub_tree / "backend/platform_key.py")
    report = json.loads(front.run(*program, "--json"))
    assert report["inputs"]["httpd"] == f"bundled-{build_fakes.BUNDLED}"
    assert front.run(*program).strip() == report["key"]
    assert report["version"].endswith(report["key"])
    front.run(venv.pip, "install", stub_tree)
    assert venv.facts()["platform_key"] == report["key"]
    done = front.attempt(*program, "--apxs", "/nonexistent")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
