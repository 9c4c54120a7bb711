# SPDX-License-Identifier: Apache-2.0
"""Paths: what is not there, is something else, or belongs elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from .finding import Finding, finding
from .parse import Config, Directive

SCRIPTS = ("WSGIScriptAlias", "WSGIHandlerScript", "WSGIImportScript")


def _script(config: Config, directive: Directive) -> Path | None:
    position = 0 if directive.key == "wsgiimportscript" else 1
    return config.path(directive.arguments[position]) if len(directive.arguments) > position else None


def missing_script(config: Config) -> Iterator[Finding]:
    for directive in config.named(*SCRIPTS):
        path = _script(config, directive)
        if path and not path.exists():
            yield finding(directive, f"{str(path)!r} does not exist", "correct the path")


def slashes(config: Config) -> Iterator[Finding]:
    for alias in config.named("WSGIScriptAlias"):
        if len(alias.arguments) < 2:
            continue
        url, path = alias.arguments[:2]
        if url != "/" and url.endswith("/") and not path.endswith("/"):
            yield finding(alias, f"the URL path {url!r} ends with a slash and the file does not",
                          f"write {url.rstrip('/')!r}")  # fmt: skip
        elif config.path(path).is_dir() and not path.endswith("/"):
            yield finding(alias, f"{path!r} is a directory", "name a script, or end both with a slash")


def _homes(config: Config) -> Iterator[tuple[Directive, str]]:
    for directive in config.named("WSGIPythonHome"):
        if directive.arguments:
            yield directive, directive.arguments[0]
    for daemon in config.named("WSGIDaemonProcess"):
        home = daemon.option("python-home")
        if home:
            yield daemon, home


def python_home(config: Config) -> Iterator[Finding]:
    for directive, home in _homes(config):
        path = config.path(home)
        if path.is_file() or re.search(r"/bin(/python[\d.]*)?/?$", home):
            yield finding(directive, f"{home!r} is not the directory of an environment",
                          f"give {str(Path(home.split('/bin')[0]))!r}, above bin")  # fmt: skip
        elif not path.is_dir():
            yield finding(directive, f"{home!r} does not exist", "give the directory of a virtual environment")
        elif not (path / "pyvenv.cfg").exists() and not list(path.glob("lib*/python3*")):
            yield finding(directive, f"{home!r} has no Python in it", "give the directory of a virtual environment")


def _search_paths(config: Config) -> Iterator[tuple[Directive, str]]:
    texts = [(directive, text) for directive in config.named("WSGIPythonPath") for text in directive.arguments[:1]]
    for daemon in config.named("WSGIDaemonProcess"):
        texts += [(daemon, text) for text in [daemon.option("python-path")] if text]
    for directive, text in texts:
        for part in text.split(":"):
            yield directive, part


def search_path(config: Config) -> Iterator[Finding]:
    for directive, part in _search_paths(config):
        if part.startswith("~") or not part.startswith("/"):
            yield finding(directive, f"{part!r} in the Python path is not absolute", "write it from the root")
        elif not Path(part).is_dir():
            yield finding(directive, f"{part!r} in the Python path does not exist", "correct it")


def other_python(config: Config) -> Iterator[Finding]:
    mine = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    for directive, part in _search_paths(config):
        found = re.search(r"/(python3\.\d+)/(?:site|dist)-packages", part)
        if found and found[1] != mine:
            yield finding(directive, f"{part!r} has packages of {found[1]}, the module runs {mine}",
                          "use python-home of an environment of the same version")  # fmt: skip


def exposed_source(config: Config) -> Iterator[Finding]:
    for alias in config.named("WSGIScriptAlias"):
        path = _script(config, alias)
        for root in config.named("DocumentRoot"):
            if path and root.arguments and config.path(root.arguments[0]) in path.parents and root.host == alias.host:
                yield finding(alias, f"the script lies below the DocumentRoot {root.arguments[0]!r}, so its source may "
                              "be fetched", "keep the application elsewhere")  # fmt: skip


def not_granted(config: Config) -> Iterator[Finding]:
    """Some section must let requests reach the script's directory, unless the default is open."""
    grants = []
    for require in config.named("Require"):
        if [word.lower() for word in require.arguments] != ["all", "denied"]:
            grants += [
                section for section in require.sections if section.name.startswith(("directory", "location", "files"))
            ]
    closed = any(
        [word.lower() for word in require.arguments] == ["all", "denied"]
        and any(section.name == "directory" and section.argument.rstrip("/") == "" for section in require.sections)
        for require in config.named("Require")
    )
    for alias in config.named("WSGIScriptAlias"):
        path = _script(config, alias)
        if not closed or not path:
            continue
        around = [str(parent) for parent in path.parents]
        if not any(section.name != "directory" or section.argument.rstrip("/") in around[:-1] for section in grants):
            yield finding(alias, f"no section lets requests reach {str(path.parent)!r}",
                          f'add <Directory "{path.parent}"> with Require all granted')  # fmt: skip


def world_writable(config: Config) -> Iterator[Finding]:
    for directive in config.named(*SCRIPTS):
        path = _script(config, directive)
        if path and path.is_file() and path.stat().st_mode & 0o002:
            yield finding(directive, f"everybody can change {str(path)!r}", "chmod o-w it")


RULES = (
    missing_script, slashes, python_home, search_path, other_python, exposed_source, not_granted, world_writable,
)  # fmt: skip
