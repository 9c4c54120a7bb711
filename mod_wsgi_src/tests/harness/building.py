# SPDX-License-Identifier: Apache-2.0
"""Builds what a test needs besides the module under test."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SHIMS = SOURCE / "tests" / "shim"

_BUILD_WHEEL = """
import sys
source, target = sys.argv[1:]
sys.path[:0] = [source + "/backend", source]
import build_backend
print(build_backend.build_wheel(target))
"""


def shim(directory: Path, name: str = "iovmax") -> Path:
    target = directory / f"{name}.so"
    options = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared"]
    subprocess.run([compiler(), *options, "-o", str(target), str(SHIMS / f"{name}.c"), "-ldl"], check=True)
    return target


def compiler() -> str:
    found = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not found:
        raise RuntimeError("no C compiler found: install gcc or set CC")
    return found


def server_python() -> str:
    """The interpreter that the module under test was built for."""
    if venv := os.environ.get("MOD_WSGI_VENV"):
        return f"{venv}/bin/python"
    return os.environ.get("MOD_WSGI_TEST_PYTHON", "/usr/bin/python3")


def module(directory: Path, cflags: str) -> Path:
    """The module once more, with other compiler flags, by the project's own build."""
    command = [server_python(), "-c", _BUILD_WHEEL, str(SOURCE), str(directory)]
    env = {**os.environ, "CFLAGS": cflags, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/")
    if done.returncode:
        raise RuntimeError(f"the build failed:\n{done.stdout}{done.stderr}")
    (wheel,) = directory.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".so")]
        target = directory / "mod_wsgi.so"
        target.write_bytes(archive.read(name))
    return target
