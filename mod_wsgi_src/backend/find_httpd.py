# SPDX-License-Identifier: Apache-2.0
"""Chooses the httpd to build against. Runs nothing: it reads the files that httpd's own build left behind.

The order: the setting apxs=PATH, APXS in the environment, the httpd that pip installed for this interpreter
(mod_wsgi-httpd), apxs in PATH, apxs in the places that systems are known to use.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from mod_wsgi.server import installation
from mod_wsgi.server.config_vars import MakeVariables
from operating_system import BuildError, how_to_install

OLDEST_MAGIC = 20120211  # httpd 2.4.0
CHOICES = ("auto", "bundled", "system")


@dataclass(frozen=True)
class BuildHttpd:
    """The httpd that was chosen, and all the build takes from it."""

    source: str  # setting | environment | bundled | path | known-place
    why: str
    installation: installation.Installation
    version: str
    mmn: tuple[int, int]
    include_directories: tuple[str, ...]  # httpd, apr, apr-util
    compiler_flags: tuple[str, ...]  # -D and -m only

    def facts(self) -> dict[str, object]:
        """What build.json keeps for the run time."""
        found = self.installation
        return {
            "source": self.source,
            "why": self.why,
            "executable": found.executable,
            "progname": found.progname,
            "modules_directory": found.modules_directory,
            "rotatelogs": found.rotatelogs,
            "mpms": list(installation.loadable_mpms(found.modules_directory)),
            "version": self.version,
            "mmn": list(self.mmn),
        }

    def layout(self) -> str:
        """What the platform key says of this httpd: the bundled one lies in the venv, the others where they lie."""
        if self.source == "bundled":
            return f"bundled-{self.version}"
        found = self.installation
        return ":".join((found.progname, found.sbindir, found.modules_directory))


def find(choice: str = "auto", apxs: str | None = None, environ: Mapping[str, str] = os.environ) -> BuildHttpd:
    """The httpd to build against. Raises BuildError with one sentence on what to do."""
    for source, name, given in (
        ("setting", "the setting apxs", apxs),
        ("environment", "APXS in the environment", environ.get("APXS")),
    ):
        if given:
            return _from_named_apxs(source, name, given, environ)
    if choice != "system":
        path = installation.bundled_config_vars()
        if path:
            return _read(path, "bundled", f"{installation.BUNDLE_DISTRIBUTION} belongs to this Python ({sys.prefix})")
        if choice == "bundled":
            raise BuildError(
                f"the setting httpd=bundled needs {installation.BUNDLE_DISTRIBUTION}, which is not in {sys.prefix}. "
                f"Install it with: {sys.executable} -m pip install {installation.BUNDLE_DISTRIBUTION}"
            )
    return _from_system(choice, environ)


def _from_system(choice: str, environ: Mapping[str, str]) -> BuildHttpd:
    reason = "the setting httpd=system says so" if choice == "system" else _no_bundle()
    for source, place, directories in (
        ("path", "PATH", environ.get("PATH", os.defpath).split(os.pathsep)),
        ("known-place", "a usual place", installation.KNOWN_DIRECTORIES),
    ):
        # By directory first, then by name: who puts an httpd of his own in front of PATH means that one.
        for directory in directories:
            apxs = shutil.which("apxs2", path=directory) or shutil.which("apxs", path=directory)
            if apxs:
                return _of_apxs(apxs, source, f"{reason} and {apxs} is in {place}")
    advice = how_to_install("httpd")
    raise BuildError(
        f"no Apache httpd with development files was found ({_no_bundle()}, no apxs in PATH or the usual places). "
        f"For the system's httpd, {advice}. For one of this Python's own, install it with: "
        f"{sys.executable} -m pip install {installation.BUNDLE_DISTRIBUTION}"
    )


def _no_bundle() -> str:
    return f"{installation.BUNDLE_DISTRIBUTION} is not in {sys.prefix}"


def _from_named_apxs(source: str, name: str, given: str, environ: Mapping[str, str]) -> BuildHttpd:
    apxs = shutil.which(given, path=environ.get("PATH", os.defpath))
    if not apxs:
        raise BuildError(
            f"{name} is {given!r}, which is not an executable file. Name the apxs of an httpd with development files, "
            f"or leave it out and {how_to_install('httpd')}"
        )
    return _of_apxs(apxs, source, f"{name} names {apxs}")


def _of_apxs(apxs: str, source: str, why: str) -> BuildHttpd:
    path = installation.config_vars_of_apxs(apxs)
    if not path:
        raise BuildError(
            f"{apxs} has no build/config_vars.mk: the development files of that httpd are incomplete; "
            f"{how_to_install('httpd')}"
        )
    return _read(path, source, why)


def _read(path: str, source: str, why: str) -> BuildHttpd:
    try:
        found = installation.describe(path)
    except (OSError, ValueError) as error:
        raise BuildError(f"{path} cannot be used: {error}") from None
    include = found.include_directory
    mmn = installation.magic_number(include)
    if not os.path.isfile(os.path.join(include, "httpd.h")) or mmn is None:
        raise BuildError(
            f"{path} says that the headers of httpd are in {include}, but httpd.h and ap_mmn.h are not there; "
            f"{how_to_install('httpd')}"
        )
    if mmn[0] < OLDEST_MAGIC:
        raise BuildError(f"the httpd of {path} is older than 2.4 (module magic number {mmn[0]}): use httpd 2.4")
    apr_directories, apr_variables = _apr(found)
    return BuildHttpd(
        source=source,
        why=why,
        installation=found,
        version=installation.release(include) or found.variables.get("HTTPD_VERSION") or "2.4",
        mmn=mmn,
        include_directories=(include, *apr_directories),
        compiler_flags=_flags(found.variables, *apr_variables),
    )


def _apr(found: installation.Installation) -> tuple[list[str], list[MakeVariables]]:
    """Directories with apr.h and apu.h, and the variables of apr-1-config: a script that begins with assignments."""
    scripts = {}
    for prefix in ("APR", "APU"):
        script = found.variables.get(f"{prefix}_CONFIG").split(" ")[0]
        if os.path.isfile(script):
            text = re.sub(r"(?m)^(\w+)=\"(.*)\"$", r"\1 = \2", _read_text(script))
            scripts[prefix] = MakeVariables(text)
    directories: list[str] = []
    for prefix, header in (("APR", "apr.h"), ("APU", "apu.h")):
        candidates = [found.variables.get(f"{prefix}_INCLUDEDIR")]
        if prefix in scripts:
            candidates.append(scripts[prefix].get("includedir"))
        candidates += [word[2:] for word in found.variables.words("EXTRA_INCLUDES", "INCLUDES") if word[:2] == "-I"]
        for base in (found.include_directory, os.path.dirname(found.include_directory), "/usr/include"):
            candidates += [os.path.join(base, name) for name in ("apr-1", "apr-1.0", "")]
        for directory in candidates:
            if os.path.isabs(directory) and os.path.isfile(os.path.join(directory, header)):
                directories.append(os.path.normpath(directory))
                break
        else:
            raise BuildError(
                f"{header} is missing: httpd's library {'apr' if prefix == 'APR' else 'apr-util'} has no development "
                f"files here (looked where {found.config_vars} says and beside httpd.h); {how_to_install('httpd')}"
            )
    return list(dict.fromkeys(directories)), list(scripts.values())


def _flags(*sources: MakeVariables) -> tuple[str, ...]:
    """Only what changes the meaning of headers. Whoever built httpd may have used another compiler (on Solaris: Oracle
    Studio), so its optimisation, warning and code generation options are of no use here."""
    words = []
    for variables in sources:
        words += variables.words("CPPFLAGS", "CFLAGS", "NOTEST_CPPFLAGS", "EXTRA_CPPFLAGS", "EXTRA_CFLAGS")
    kept = [word for word in words if _changes_headers(word)]
    return tuple(dict.fromkeys(kept))


def _changes_headers(word: str) -> bool:
    if word in ("-m32", "-m64"):
        return True
    return bool(re.match(r"-D\w", word)) and not word.startswith(("-D_FORTIFY_SOURCE", "-DNDEBUG"))


def _read_text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()
