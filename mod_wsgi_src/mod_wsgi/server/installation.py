# SPDX-License-Identifier: Apache-2.0
"""One installed Apache httpd, described from its own files. Used by the build and, again, at run time."""

from __future__ import annotations

import glob
import importlib.util
import os
import re
import site
import sys
import sysconfig
from dataclasses import dataclass

from .config_vars import MakeVariables

BUNDLE_PACKAGE = "mod_wsgi_packages"  # what the distribution mod_wsgi-httpd installs
BUNDLE_DISTRIBUTION = "mod_wsgi-httpd"

# Where httpd lies on the systems we know, when it is not in PATH.
KNOWN_DIRECTORIES = (
    "/usr/sbin",
    "/usr/bin",
    "/usr/apache2/2.4/bin",  # Solaris, OpenIndiana
    "/opt/ooce/apache-2.4/bin",  # OmniOS
    "/opt/local/sbin",  # SmartOS, MacPorts
    "/opt/local/bin",
    "/usr/local/apache2/bin",
    "/usr/local/sbin",  # FreeBSD
    "/opt/homebrew/bin",
)

# Best first. Anything else than the first two cannot run threads.
MPMS = ("event", "worker", "prefork")

# build/ of the httpd of one distribution or another, seen from the directory of apxs.
_BUILD_DIRECTORIES = (
    "../build",
    "../share/apache2/build",  # Debian, Alpine (lib), SUSE
    "../lib/apache2/build",
    "../lib64/httpd/build",  # Fedora and its kin
    "../lib/httpd/build",
    "../share/httpd/build",  # pkgsrc
    "../share/apache24/build",  # FreeBSD
    "../lib/apache24/build",
)

_MODULE_DIRECTORIES = (
    "../modules",
    "../libexec",
    "../lib/apache2/modules",
    "../lib64/httpd/modules",
    "../lib/httpd/modules",
    "../lib64/apache2",
    "../lib/apache2",
    "../libexec/apache24",
    "../libexec/apache2",
    "../lib/httpd",
)


@dataclass(frozen=True)
class Installation:
    """What config_vars.mk of an httpd says, made absolute."""

    config_vars: str
    variables: MakeVariables
    progname: str
    sbindir: str
    modules_directory: str
    include_directory: str

    @property
    def executable(self) -> str:
        return os.path.join(self.sbindir, self.progname)

    @property
    def rotatelogs(self) -> str:
        return rotatelogs_near(self.executable, self.variables.get("exp_bindir"))


def describe(config_vars: str) -> Installation:
    """Reads one config_vars.mk. Raises OSError or ValueError (a file that does not describe an httpd)."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(config_vars)))
    # The bundled httpd names its own place by this variable, so that it can be moved.
    variables = MakeVariables.read(config_vars, mod_wsgi_httpd_prefix=root)

    def directory(name: str) -> str:
        value = variables.get("exp_" + name) or variables.get(name)
        return os.path.normpath(value) if value else ""

    found = Installation(
        config_vars=config_vars,
        variables=variables,
        progname=variables.get("progname") or "httpd",
        sbindir=directory("sbindir"),
        modules_directory=directory("libexecdir"),
        include_directory=directory("includedir"),
    )
    for name in ("sbindir", "modules_directory", "include_directory"):
        if not os.path.isabs(getattr(found, name)):
            raise ValueError(f"{config_vars}: no absolute {name.replace('_', ' ')} in it: is it Apache's?")
    return found


def bundled_config_vars() -> str | None:
    """config_vars.mk of a pip-installed httpd that belongs to the running interpreter, or None.

    The interpreter's own site-packages come first: inside the isolation of a pip build these still name the virtual
    environment that pip runs in. Then whatever can be imported (a build requirement, the user's site-packages).
    """
    places = [sysconfig.get_path("platlib"), sysconfig.get_path("purelib")]
    if sys.prefix == sys.base_prefix:  # pip install --user; hidden from sys.path while pip builds
        places.append(site.getusersitepackages())
    spec = importlib.util.find_spec(BUNDLE_PACKAGE)
    if spec and spec.submodule_search_locations:
        places += [os.path.dirname(location) for location in spec.submodule_search_locations]
    for place in dict.fromkeys(places):
        path = os.path.join(place, BUNDLE_PACKAGE, "httpd", "build", "config_vars.mk")
        if os.path.isfile(path):
            return path
    return None


def config_vars_of_apxs(apxs: str) -> str | None:
    """config_vars.mk that belongs to an apxs, or None. apxs is a script that names the directory in its own text."""
    real = os.path.realpath(apxs)
    candidates = []
    try:
        with open(real, encoding="utf-8", errors="replace") as script:
            named = re.search(r"^\s*my\s+\$installbuilddir\s*=\s*[\"']([^\"']+)[\"']", script.read(65536), re.MULTILINE)
    except OSError:
        return None
    if named:
        candidates.append(named[1])
    for base in dict.fromkeys((os.path.dirname(real), os.path.dirname(os.path.abspath(apxs)))):
        candidates += [os.path.join(base, directory) for directory in _BUILD_DIRECTORIES]
        # mod_wsgi-apxs, the script of the bundled httpd.
        candidates += glob.glob(os.path.join(base, f"../lib*/python*/site-packages/{BUNDLE_PACKAGE}/httpd/build"))
    for directory in candidates:
        path = os.path.normpath(os.path.join(directory, "config_vars.mk"))
        if os.path.isfile(path):
            return path
    return None


def magic_number(include_directory: str) -> tuple[int, int] | None:
    """Module magic number, major and minor, from ap_mmn.h."""
    text = _text(os.path.join(include_directory, "ap_mmn.h"))
    found = [_number(text, f"MODULE_MAGIC_NUMBER_{part}") for part in ("MAJOR", "MINOR")]
    return None if None in found else (int(found[0] or 0), int(found[1] or 0))


def release(include_directory: str) -> str:
    """Version of httpd from ap_release.h, as 2.4.x; '' when it does not say."""
    text = _text(os.path.join(include_directory, "ap_release.h"))
    parts = [_number(text, f"AP_SERVER_{part}_NUMBER") for part in ("MAJORVERSION", "MINORVERSION", "PATCHLEVEL")]
    return "" if None in parts else ".".join(str(part) for part in parts)


def loadable_mpms(modules_directory: str) -> tuple[str, ...]:
    """The MPMs that can be loaded as modules, best first; empty when one is compiled into httpd."""
    return tuple(mpm for mpm in MPMS if os.path.isfile(os.path.join(modules_directory, f"mod_mpm_{mpm}.so")))


def modules_near(executable: str) -> str:
    """The directory of loadable modules that belongs to an httpd of which only the executable is known, or ''."""
    for base in dict.fromkeys((os.path.dirname(executable), os.path.dirname(os.path.realpath(executable)))):
        for directory in _MODULE_DIRECTORIES:
            path = os.path.normpath(os.path.join(base, directory))
            if glob.glob(os.path.join(glob.escape(path), "mod_alias.so")):
                return path
    return ""


def rotatelogs_near(executable: str, *more: str) -> str:
    """rotatelogs of an httpd, or ''."""
    here = os.path.dirname(executable)
    for directory in (here, *more, os.path.join(here, "../bin"), os.path.join(here, "../sbin")):
        path = os.path.normpath(os.path.join(directory, "rotatelogs")) if directory else ""
        if path and os.access(path, os.X_OK):
            return path
    return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def _number(text: str, macro: str) -> int | None:
    found = re.search(rf"^\s*#\s*define\s+{macro}\s+\"?(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None
