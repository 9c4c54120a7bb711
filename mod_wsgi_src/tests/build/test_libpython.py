# SPDX-License-Identifier: Apache-2.0
"""The module loads the libpython of the interpreter that built it, whatever else of that name is on the machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import build_fakes
import find_python
import pytest
from build_fakes import BUNDLED
from build_front import Front, Venv, interpreter
from mod_wsgi.server import elf

IMPOSTOR = 'const char *Py_GetVersion(void) { return "impostor"; }\n'


@pytest.fixture
def venv(front: Front, stub_wheel: Path) -> Venv:
    venv = front.venv(bundled=BUNDLED)
    venv.unpack(stub_wheel)
    return venv


@pytest.fixture
def loader(tmp_path: Path) -> Path:
    """A program that is no Python and loads a module as httpd does."""
    return build_fakes.compile_c(tmp_path / "loader", build_fakes.LOADER_SOURCE, "-ldl")


def module_of(venv: Venv) -> Path:
    return venv.packages / "mod_wsgi/server" / str(venv.facts()["module"])


def libpython_of(venv: Venv) -> Path:
    return Path(str(venv.facts()["python"]["libpython"]))


def load(loader: Path, module: Path, *arguments: object, library_path: object = None) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    if library_path:
        environment["LD_LIBRARY_PATH"] = str(library_path)
    command = [str(word) for word in (loader, module, *arguments)]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_run_path(venv: Venv, target: Path, stub_tree: Path) -> Path:
    """The negative control: the same module linked the usual way."""
    libpython = libpython_of(venv)
    httpd = venv.packages / "mod_wsgi_packages/httpd/include"
    include = interpreter(venv.python, "import sysconfig as s; print(s.get_config_var('INCLUDEPY'))")
    options = ("-shared", "-fPIC", f"-I{include}", f"-I{httpd}", f"-I{httpd}/apr-1", libpython)
    return build_fakes.compile_c(target, (stub_tree / "module/apache/stub.c").read_text(), *options)


def test_recorded_and_linked(venv: Venv) -> None:
    dynamic = elf.read(str(module_of(venv)))
    directory = interpreter(venv.python, "import sysconfig as s; print(s.get_config_var('LIBDIR'))")
    assert dynamic.rpath.split(":")[0] == directory
    assert dynamic.runpath == ""
    assert libpython_of(venv).name in dynamic.needed
    assert libpython_of(venv).parent == Path(directory)


def test_other_libpython_of_the_same_name_does_not_win(
    venv: Venv, loader: Path, tmp_path: Path, stub_tree: Path
) -> None:
    soname = libpython_of(venv).name
    impostor = tmp_path / "impostor"
    impostor.mkdir()
    # It has the other functions too, so that a module bound to it can be loaded.
    names = ("PyConfig_InitIsolatedConfig", "PyConfig_SetString", "Py_InitializeFromConfig", "PyConfig_Clear")
    rest = "".join(f"void {name}(void) {{}}\n" for name in (*names, "PyRun_SimpleString", "PyRun_SimpleStringFlags"))
    build_fakes.compile_c(impostor / soname, IMPOSTOR + rest, "-shared", "-fPIC", f"-Wl,-soname,{soname}")
    expected = interpreter(venv.python, "import sys; print(sys.version)")
    assert load(loader, module_of(venv), library_path=impostor).strip() == expected.strip()
    assert load(loader, module_of(venv)).strip() == expected.strip()
    control = without_run_path(venv, tmp_path / "control.so", stub_tree)
    assert load(loader, control, library_path=impostor).strip() == "impostor"


def test_extension_modules_import_beside_the_distributions_libpython(venv: Venv, loader: Path) -> None:
    """What fails with a usual link: a Python of one's own where the distribution has the same version."""
    libpython = libpython_of(venv)
    other = build_fakes.same_version_elsewhere(libpython.name, str(libpython.parent))
    if other is None:
        pytest.skip(f"this machine has one {libpython.name} only")
    home = str(venv.facts()["python"]["prefix"])
    code = "import ssl, sys; print(ssl.OPENSSL_VERSION); print(sys.version.split()[0]); sys.stdout.flush()"
    said = load(loader, module_of(venv), home, code, library_path=other.parent)
    assert "OpenSSL" in said
    assert said.split()[-1] == venv.facts()["python"]["version"]


def test_flags_that_bring_another_run_path_are_refused(front: Front, stub_tree: Path) -> None:
    """LDFLAGS come after ours, so they can only add; a compiler that drops our options is found out by its result."""
    venv = front.venv(bundled=BUNDLED)
    front.run(venv.pip, "install", stub_tree, LDFLAGS="-Wl,-rpath,/opt/other/lib")
    assert elf.read(str(module_of(venv))).rpath.split(":")[1:] == ["/opt/other/lib"]
    wrapper = front.directory / "cc wrapper"
    wrapper.write_text(
        '#!/bin/sh\nfor word; do shift; case "$word" in -rpath | -Xlinker | /*/lib | /*/lib/*-gnu) ;; '
        '*) set -- "$@" "$word" ;; esac; done\nexec cc "$@"\n'
    )
    wrapper.chmod(0o755)
    done = front.attempt(venv.pip, "install", "--force-reinstall", stub_tree, CC=f"'{wrapper}'")
    assert done.returncode != 0
    assert "the linked module would not load" in done.stdout
    assert "Traceback" not in done.stdout


def test_interpreter_that_runs_on_a_foreign_libpython_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "libpython.so"
    other.write_bytes(b"")
    monkeypatch.setattr(find_python, "_mapped_library", lambda name: str(other))
    with pytest.raises(find_python.BuildError, match="puts another libpython before its own"):
        find_python.find()
