# SPDX-License-Identifier: Apache-2.0
"""Looks for what would keep a server from working, and tells all of it: checks of the start, and deeper ones."""

from __future__ import annotations

import ast
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Callable

from .. import server as package
from . import lint, preflight, processes
from .errors import ExpressError
from .model import Model

LEAST_FREE_MB = 50

Check = Callable[[Model], None]


def check_python_build(model: Model) -> None:
    """The module and this environment have the same Python."""
    built = str(package.facts().python["version"])
    if built.split(".")[:2] != platform.python_version().split(".")[:2]:
        raise ExpressError(
            f"Python: the module was built for {built}, {sys.prefix} has {platform.python_version()}; "
            f"install mod_wsgi again with {sys.executable} -m pip install --force-reinstall"
        )


def check_environment(_: Model) -> None:
    """The interpreter that the virtual environment was made from is still there."""
    settings = Path(sys.prefix, "pyvenv.cfg")
    if not settings.exists():
        return
    pairs = (line.partition("=") for line in settings.read_text().splitlines())
    found = {key.strip(): value.strip() for key, _, value in pairs}
    version = ".".join(platform.python_version_tuple()[:2])
    wanted = found.get("version", version)
    if not os.path.isdir(found.get("home", "/")) or not wanted.startswith(version):
        raise ExpressError(
            f"virtual environment: {str(settings)!r} names {found.get('home')!r} with Python {wanted}, this is Python "
            f"{version}; make it again with python -m venv --clear"
        )


def check_other_python(model: Model) -> None:
    mine = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for path in model.python_path:
        others = [part for part in path.parts if part.startswith("python3.") and part != mine]
        if others and path.name in ("site-packages", "dist-packages"):
            raise ExpressError(
                f"--python-path: {str(path)!r} has packages of {others[0]}, this is {mine}; install them here"
            )


def _search(model: Model) -> list[str]:
    return [str(path) for path in (*model.python_path, model.work_directory)] + [path for path in sys.path if path]


def _missing(name: str, where: list[str]) -> bool:
    return name not in sys.builtin_module_names and PathFinder.find_spec(name, where) is None


def check_imports(model: Model) -> None:
    """Packages that the entry point imports at once. A script that changes sys.path itself is left alone."""
    if model.envvars_script:
        return  # which may set PYTHONPATH
    where = _search(model)
    if model.entry.kind == "module":
        name = model.entry.module.partition(".")[0]
        if name != "mod_wsgi" and _missing(name, where):
            raise ExpressError(
                f"entry point: there is no module {name!r} in the environment, --python-path or --working-directory; "
                "install it, or name its directory"
            )
    if model.entry.kind != "script" or not model.entry.path:
        return
    text = model.entry.path.read_bytes()
    if b"sys.path" in text or b"addsitedir" in text:
        return
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return  # another check tells
    for node in body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in (name.partition(".")[0] for name in names):
            if name not in ("mod_wsgi", "apache") and _missing(name, where):
                raise ExpressError(
                    f"entry point: '{model.entry.path}' line {node.lineno} imports {name!r}, which is not installed in "
                    f"{sys.prefix}; install it, or name its directory with --python-path"
                )


def check_key(model: Model) -> None:
    if model.https_port and model.certificate[1].stat().st_mode & 0o004:
        raise ExpressError(
            f"--ssl-certificate: everybody can read the private key '{model.certificate[1]}'; chmod o-r it"
        )


def check_space(model: Model) -> None:
    for option, path in (("server-root", model.server_root), ("log-directory", model.log_directory)):
        there = next(place for place in [path, *path.parents] if place.exists())
        free = shutil.disk_usage(there).free // 2**20
        if free < LEAST_FREE_MB:
            raise ExpressError(f"--{option}: {free} MB are free in {str(there)!r}; make room or give another place")


def check_ports(model: Model) -> None:
    """A server that runs with this configuration has them itself."""
    if not processes.server_pid(model.pid_file, model.conf):
        preflight.check_ports(model)


def check_log(model: Model) -> None:
    if model.log_level.split()[0] in ("crit", "alert", "emerg"):
        raise ExpressError(f"--log-level: {model.log_level!r} hides why requests failed; give warn or info")


CHECKS: tuple[tuple[str, Check], ...] = (
    ("virtual environment", check_environment),
    ("Python of the module", check_python_build),
    ("Python path", check_other_python),
    ("packages of the entry point", check_imports),
    ("server root and logs", preflight.check_root),
    ("free space", check_space),
    ("users and permissions", preflight.check_readable),
    ("scripts", preflight.check_scripts),
    ("modules of httpd", preflight.check_modules),
    ("certificate", preflight.check_certificate),
    ("private key", check_key),
    ("ports", check_ports),
    ("log level", check_log),
    ("configuration", preflight.check_configuration),
)


def examine(model: Model) -> Iterator[tuple[str, str]]:
    """Each check with what is wrong; empty when nothing is."""
    for name, check in CHECKS:
        try:
            check(model)
        except ExpressError as error:
            yield name, str(error)
        else:
            yield name, ""


def run(make: Callable[[], Model]) -> int:
    try:
        model = make()
    except ExpressError as error:
        print(f"bad  options: {error}")
        return 1
    print("ok   options")
    bad = 0
    for name, problem in examine(model):
        print(f"bad  {name}: {problem}" if problem else f"ok   {name}", flush=True)
        bad += bool(problem)
    return 1 if bad else 0


def lint_file(path: Path) -> int:
    found = lint.check(path)
    for finding in found:
        print(finding)
    print(f"{path}: {len(found)} finding(s)")
    return 1 if found else 0
