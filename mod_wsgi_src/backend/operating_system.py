# SPDX-License-Identifier: Apache-2.0
"""Which operating system this is, and which of its packages hold the parts that a build needs."""

from __future__ import annotations

import os
import platform
import shlex
import sys
from dataclasses import dataclass


class BuildError(SystemExit):
    """Something the user has to put right. Front ends show the text and no traceback, since it is a SystemExit."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"mod_wsgi cannot be built: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class OperatingSystem:
    id: str  # as in os-release: debian, rhel, alpine ...; else the name of the kernel in lower case
    release: str  # as much of it as binaries depend on
    family: str  # key of PACKAGES, '' for an unknown one
    libc: str


@dataclass(frozen=True)
class Packages:
    command: str
    httpd: str
    python: str  # {version} and {digits} stand for 3.11 and 311
    compiler: str


PACKAGES = {
    "debian": Packages("apt-get install", "apache2-dev", "python{version}-dev", "gcc libc6-dev"),
    "rhel": Packages("dnf install", "httpd-devel", "python{version}-devel (python3-devel for the default one)", "gcc"),
    "suse": Packages("zypper install", "apache2-devel", "python{digits}-devel", "gcc"),
    "alpine": Packages("apk add", "apache2-dev", "python3-dev", "gcc musl-dev"),
    "arch": Packages("pacman -S", "apache", "python", "gcc"),
    "freebsd": Packages("pkg install", "apache24", "python{digits}", "llvm"),
    "solaris": Packages("pkg install", "web/server/apache-24", "runtime/python-{digits}", "developer/gcc/gcc-c"),
    "openindiana": Packages("pkg install", "web/server/apache-24", "runtime/python-{digits}", "build-essential"),
    "omnios": Packages("pkg install", "ooce/server/apache-24", "runtime/python-{digits}", "developer/gcc14"),
    "smartos": Packages("pkgin install", "apache", "python{digits}", "gcc13"),
    "macos": Packages("brew install", "httpd", "python@{version}", "gcc (or run: xcode-select --install)"),
}

_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "rhel": "rhel",
    "fedora": "rhel",
    "centos": "rhel",
    "amzn": "rhel",
    "suse": "suse",
    "sles": "suse",
    "opensuse": "suse",
    "opensuse-leap": "suse",
    "alpine": "alpine",
    "arch": "arch",
    "freebsd": "freebsd",
    "openindiana": "openindiana",
    "omnios": "omnios",
    "smartos": "smartos",
}


def identify(os_release: str | None = None, system: str | None = None, version: str | None = None) -> OperatingSystem:
    """Names the system from os-release, or from uname where there is none. The arguments are for tests."""
    fields = _os_release_fields(_read_os_release() if os_release is None else os_release)
    system = system or platform.system()
    if fields.get("ID"):
        names = [fields["ID"], *fields.get("ID_LIKE", "").split()]
        family = next((_FAMILIES[name] for name in names if name in _FAMILIES), "")
        release = fields.get("VERSION_ID") or fields.get("VERSION_CODENAME") or ""
        return OperatingSystem(fields["ID"], _relevant(release, family), family, _libc())
    if system == "SunOS":  # Oracle's: uname -v is 11.4.x.y
        return OperatingSystem("solaris", _relevant(version or platform.version(), "solaris"), "solaris", "libc")
    if system == "Darwin":
        return OperatingSystem("macos", (version or platform.mac_ver()[0]).split(".")[0], "macos", "libc")
    release = _relevant((version or platform.release()).split("-")[0], "")
    return OperatingSystem(system.lower(), release, _FAMILIES.get(system.lower(), ""), _libc())


def how_to_install(what: str, system: OperatingSystem | None = None) -> str:
    """'install it with: ...' for one of httpd, python, compiler on this system."""
    packages = PACKAGES.get((system or identify()).family)
    if not packages:
        return {
            "httpd": "install Apache httpd 2.4 with its development files (apxs, httpd.h)",
            "python": "install the development files of this Python (Python.h and the shared libpython)",
            "compiler": "install a C compiler",
        }[what]
    names = getattr(packages, what).format(
        version="{}.{}".format(*sys.version_info[:2]), digits="{}{}".format(*sys.version_info[:2])
    )
    return f"install it with: {packages.command} {names}"


def _read_os_release() -> str:
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError:
            continue
    return ""


def _os_release_fields(text: str) -> dict[str, str]:
    fields = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            words = shlex.split(value, comments=True)
            fields[name] = words[0] if words else ""
    return fields


def _relevant(release: str, family: str) -> str:
    """The part of a release that binaries depend on: the first number of the RHEL kin, else two."""
    return ".".join(release.split(".")[: 1 if family == "rhel" else 2])


def _libc() -> str:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").replace(" ", "-") or "libc"
    except (ValueError, OSError, AttributeError):  # not glibc
        return "musl" if any(name.startswith("ld-musl-") for name in _names("/lib")) else "libc"


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []
