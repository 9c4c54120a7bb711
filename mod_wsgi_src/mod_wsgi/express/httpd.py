# SPDX-License-Identifier: Apache-2.0
"""Decides, at run time, which httpd to start. Wheels are cached and copied, so what the build saw is only a hint.

The order: HTTPD in the environment (it names the executable), the httpd that pip installed for this Python, the one the
module was built against, the usual places. As a program:

    python -m mod_wsgi.express.httpd [locate] [--httpd auto|bundled|system]     prints the answer as JSON
    python -m mod_wsgi.express.httpd repair [--dry-run]                         makes the pip-installed httpd safe
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping

from .. import server
from ..server import bundle, installation

CHOICES = ("auto", "bundled", "system")
_VERSION_SECONDS = 20


class HttpdError(RuntimeError):
    """No httpd, or none that fits the module. The text says what was found and what to do."""


@dataclasses.dataclass(frozen=True)
class Httpd:
    """The httpd to start."""

    executable: str
    progname: str
    modules_directory: str
    rotatelogs: str  # '' when it is not installed
    mpms: tuple[str, ...]  # loadable ones, best first; empty: one is compiled in
    mmn: tuple[int, int]
    version: str
    library_path: str  # lib directory of the bundled httpd, else ''; nothing has to be set to it once it is repaired
    source: str  # environment | bundled | recorded | search
    why: str


def locate(
    choice: str = "auto",
    environ: Mapping[str, str] = os.environ,
    repair: bool = True,
    facts: server.BuildFacts | None = None,
    modules_directory: str = "",
) -> Httpd:
    """The httpd to use, checked against the module. Raises HttpdError.

    The bundled one is repaired on the way, since nothing may start it before; with repair=False nothing is written, and
    the answer must not be used to start anything. An httpd of the system is asked for its version (`-V`).
    `modules_directory` is that of the httpd in the environment, where it is not in a usual place.
    """
    try:
        facts = facts or server.facts()
    except server.NotBuiltError as error:
        raise HttpdError(str(error)) from None
    found = _choose(choice, environ, repair, facts, modules_directory)
    _check_magic(found, facts)
    return found


def _choose(
    choice: str, environ: Mapping[str, str], repair: bool, facts: server.BuildFacts, modules_directory: str
) -> Httpd:
    if environ.get("HTTPD"):
        executable = shutil.which(environ["HTTPD"], path=environ.get("PATH", os.defpath))
        if not executable:
            raise HttpdError(f"HTTPD in the environment is {environ['HTTPD']!r}, which is not an executable file")
        why = "HTTPD in the environment names it"
        return _of_executable(os.path.abspath(executable), "environment", why, repair, modules_directory)
    if choice != "system":
        config_vars = installation.bundled_config_vars()
        if config_vars:
            why = f"{installation.BUNDLE_DISTRIBUTION} is installed for {sys.prefix}"
            return _bundled(config_vars, "bundled", why, repair)
        if choice == "bundled":
            raise HttpdError(
                f"{installation.BUNDLE_DISTRIBUTION} is not installed for {sys.prefix}; "
                f"install it with: {sys.executable} -m pip install {installation.BUNDLE_DISTRIBUTION}"
            )
    recorded = str(facts.httpd["executable"])
    if facts.httpd["source"] != "bundled" and os.access(recorded, os.X_OK):
        modules_directory = str(facts.httpd["modules_directory"])
        return _of_executable(recorded, "recorded", "the module was built against it", repair, modules_directory)
    for directory in (*environ.get("PATH", os.defpath).split(os.pathsep), *installation.KNOWN_DIRECTORIES):
        executable = shutil.which("apache2", path=directory) or shutil.which("httpd", path=directory)
        if executable:
            why = "it is the first one in PATH and the usual places"
            return _of_executable(executable, "search", why, repair)
    raise HttpdError(
        f"no httpd: {recorded}, which the module was built against, is not there, nor is apache2 or httpd in PATH or "
        "the usual places. Install Apache httpd 2.4, or give this Python one of its own: "
        f"{sys.executable} -m pip install {installation.BUNDLE_DISTRIBUTION}"
    )


def _bundled(config_vars: str, source: str, why: str, repair: bool) -> Httpd:
    found = _describe(config_vars)
    root = os.path.dirname(os.path.dirname(config_vars))
    mmn = installation.magic_number(found.include_directory)
    if mmn is None or not os.access(found.executable, os.X_OK):
        raise HttpdError(f"{root} is not a complete httpd; install {installation.BUNDLE_DISTRIBUTION} again")
    if repair:
        _repair(root)
    return Httpd(
        executable=found.executable,
        progname=found.progname,
        modules_directory=found.modules_directory,
        rotatelogs=found.rotatelogs,
        mpms=installation.loadable_mpms(found.modules_directory),
        mmn=mmn,
        version=installation.release(found.include_directory),
        library_path=os.path.join(root, "lib"),
        source=source,
        why=why,
    )


def _describe(config_vars: str) -> installation.Installation:
    try:
        return installation.describe(config_vars)
    except (OSError, ValueError) as error:
        raise HttpdError(f"{config_vars}: {error}") from None


def _repair(root: str, dry_run: bool = False) -> bundle.Report:
    try:
        return bundle.repair(root, dry_run)
    except bundle.UnsafeError as error:
        raise HttpdError(str(error)) from None


def _of_executable(executable: str, source: str, why: str, repair: bool, modules_directory: str = "") -> Httpd:
    config_vars = _config_vars_of_bundle(executable)
    if config_vars:  # of some other environment, and just as dangerous
        return _bundled(config_vars, source, why, repair)
    if not os.path.isdir(modules_directory):
        modules_directory = installation.modules_near(executable)
    if not modules_directory:
        raise HttpdError(f"{executable}: the directory of its loadable modules (mod_alias.so) was not found")
    version, mmn = _ask(executable)
    return Httpd(
        executable=executable,
        progname=os.path.basename(executable),
        modules_directory=modules_directory,
        rotatelogs=installation.rotatelogs_near(executable),
        mpms=installation.loadable_mpms(modules_directory),
        mmn=mmn,
        version=version,
        library_path="",
        source=source,
        why=why,
    )


def _config_vars_of_bundle(executable: str) -> str | None:
    root = os.path.dirname(os.path.dirname(os.path.realpath(executable)))
    path = os.path.join(root, "build", "config_vars.mk")
    return (
        path
        if os.path.basename(os.path.dirname(root)) == installation.BUNDLE_PACKAGE and os.path.isfile(path)
        else None
    )


def _ask(executable: str) -> tuple[str, tuple[int, int]]:
    """Version and module magic number of an httpd, from its own mouth. It reads no configuration of the machine; its
    exit code says nothing, since without configuration it misses an MPM."""
    try:
        done = subprocess.run(
            [executable, "-V", "-f", os.devnull],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_VERSION_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HttpdError(f"{executable} -V failed: {error}") from None
    version = re.search(r"^Server version: \S*?/(\d+\.\d+\.\d+)", done.stdout, re.MULTILINE)
    magic = re.search(r"^Server's Module Magic Number: (\d+):(\d+)", done.stdout, re.MULTILINE)
    if not version or not magic:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise HttpdError(f"{executable} -V does not answer like Apache httpd: {last[0]}")
    return version[1], (int(magic[1]), int(magic[2]))


def _check_magic(found: Httpd, facts: server.BuildFacts) -> None:
    """A module fits an httpd with the same major number and at least the minor number it was compiled for."""
    if found.mmn[0] == facts.mmn[0] and found.mmn[1] >= facts.mmn[1]:
        return
    raise HttpdError(
        f"{found.executable} (httpd {found.version}, module magic number {found.mmn[0]}:{found.mmn[1]}; chosen because "
        f"{found.why}) does not fit the module, which was built against httpd {facts.httpd['version']} "
        f"({facts.mmn[0]}:{facts.mmn[1]}). Build mod_wsgi again for this httpd, or use a newer httpd"
    )


def main(arguments: list[str] | None = None) -> int:
    """The program; see the top of the file."""
    parser = argparse.ArgumentParser(
        prog="python -m mod_wsgi.express.httpd", description="Which httpd is used, and why."
    )
    parser.add_argument("action", nargs="?", choices=("locate", "repair"), default="locate")
    parser.add_argument("--httpd", choices=CHOICES, default="auto", help="which one to look for (locate)")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    try:
        if options.action == "repair":
            answer: dict[str, object] = dataclasses.asdict(_repair_bundle(options.dry_run))
        else:
            answer = dataclasses.asdict(locate(options.httpd, repair=not options.dry_run))
    except HttpdError as error:
        print(f"mod_wsgi: {error}", file=sys.stderr)
        return 1
    print(json.dumps(answer, indent=2, sort_keys=True))
    return 0


def _repair_bundle(dry_run: bool) -> bundle.Report:
    config_vars = installation.bundled_config_vars()
    if not config_vars:
        raise HttpdError(f"{installation.BUNDLE_DISTRIBUTION} is not installed for {sys.prefix}: nothing to repair")
    return _repair(os.path.dirname(os.path.dirname(config_vars)), dry_run)


if __name__ == "__main__":
    sys.exit(main())
