# SPDX-License-Identifier: Apache-2.0
"""The interpreter that runs the build, and the very libpython it belongs to: the module links that one."""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
import sysconfig
from dataclasses import dataclass

from operating_system import BuildError, how_to_install

OLDEST = (3, 9)


@dataclass(frozen=True)
class BuildPython:
    version: str  # 3.11.7
    tag: str  # cp311, cp313t: Python and ABI tag of the wheel
    platform_tag: str  # linux_x86_64
    soabi: str
    extension_suffix: str
    prefix: str  # of the real installation, not of a virtual environment
    include_directories: tuple[str, ...]
    libpython: str  # absolute path of the file that is linked
    soname: str  # what DT_NEEDED will say

    @property
    def library_directory(self) -> str:
        return os.path.dirname(self.libpython)

    @property
    def module_name(self) -> str:
        return f"mod_wsgi-py{self.tag[2:].rstrip('td')}{self.extension_suffix}"

    def facts(self) -> dict[str, object]:
        """What build.json keeps for the run time."""
        return {
            "version": self.version,
            "soabi": self.soabi,
            "libpython": self.libpython,
            "prefix": self.prefix,
        }


def find() -> BuildPython:
    """Describes the running interpreter. Raises BuildError when nothing can be linked with it."""
    if platform.python_implementation() != "CPython" or sys.version_info < OLDEST:
        raise BuildError(
            f"{sys.executable} is {platform.python_implementation()} {platform.python_version()}; "
            f"CPython {OLDEST[0]}.{OLDEST[1]} or newer is needed"
        )
    return BuildPython(
        version=platform.python_version(),
        tag=_tag(),
        platform_tag=_platform_tag(),
        soabi=str(_variable("SOABI")),
        extension_suffix=str(_variable("EXT_SUFFIX")),
        prefix=sys.base_prefix,
        include_directories=_include_directories(),
        libpython=_libpython(),
        soname=os.path.basename(str(_variable("INSTSONAME"))),
    )


def _variable(name: str) -> object:
    return sysconfig.get_config_var(name) or ""


def _tag() -> str:
    """cp311, with the flags of the ABI that SOABI has: cpython-313t-..."""
    found = re.match(r"cpython-(\d+[a-z]*)", str(_variable("SOABI")))
    return "cp" + (found[1] if found else "{}{}".format(*sys.version_info[:2]))


def _platform_tag() -> str:
    name = re.sub(r"[-. ]", "_", sysconfig.get_platform())
    if struct.calcsize("P") == 4:  # a 32-bit Python under a 64-bit kernel
        name = name.replace("linux_x86_64", "linux_i686").replace("linux_aarch64", "linux_armv7l")
    return name


def _include_directories() -> tuple[str, ...]:
    candidates = [sysconfig.get_path("include"), sysconfig.get_path("platinclude"), str(_variable("INCLUDEPY"))]
    # A Python that was moved after it was built (they are handed out as archives) has its headers where it now lies.
    version = str(_variable("LDVERSION")) or "{}.{}".format(*sys.version_info[:2])
    candidates.append(os.path.join(sys.base_prefix, "include", f"python{version}"))
    for directory in candidates:
        if os.path.isfile(os.path.join(directory, "Python.h")):
            # pyconfig.h may lie elsewhere (platinclude): keep every directory that exists.
            return tuple(dict.fromkeys([directory, *(path for path in candidates[:3] if os.path.isdir(path))]))
    raise BuildError(f"Python.h of {sys.executable} is missing ({candidates[0]}); {_how_to_get_development_files()}")


def _how_to_get_development_files() -> str:
    if sys.base_prefix in ("/usr", "/usr/local") or not os.path.isdir(os.path.join(sys.base_prefix, "include")):
        return how_to_install("python")
    return f"install the Python of {sys.base_prefix} with its development files"


def _libpython() -> str:
    name = str(_variable("INSTSONAME"))
    if not _variable("Py_ENABLE_SHARED") and not _variable("PYTHONFRAMEWORK"):
        raise BuildError(
            f"{sys.executable} ({sys.base_prefix}) was built without a shared libpython, so Apache cannot load it. "
            "Build that Python with --enable-shared (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install), "
            "or use the system's Python"
        )
    path = _library_file(name)
    if not path:
        raise BuildError(f"{name} of {sys.executable} is missing ({_variable('LIBDIR')}); {how_to_install('python')}")
    mapped = _mapped_library(os.path.basename(name))
    if mapped and not os.path.samefile(mapped, path):
        raise BuildError(
            f"{sys.executable} runs with {mapped} but belongs to {path}: something (LD_LIBRARY_PATH?) puts another "
            "libpython before its own. Take that away and build again"
        )
    return path


def _library_file(name: str) -> str | None:
    directories = [
        str(_variable("LIBDIR")),
        os.path.join(str(_variable("LIBDIR")), str(_variable("MULTIARCH"))),
        os.path.join(sys.base_prefix, "lib"),
        os.path.join(sys.base_prefix, "lib64"),
        str(_variable("PYTHONFRAMEWORKPREFIX")),
        str(_variable("LIBPL")),
    ]
    paths = (os.path.join(directory, name) for directory in directories if os.path.isabs(directory))
    return next((os.path.normpath(path) for path in paths if os.path.isfile(path)), None)


def _mapped_library(name: str) -> str | None:
    """The libpython that this process runs on, where the kernel tells (Linux); None when it is linked statically."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            paths = {line.split(maxsplit=5)[5].rstrip("\n") for line in maps if "/" in line}
    except OSError:
        return None
    return next((path for path in sorted(paths) if os.path.basename(path) == name and os.path.isfile(path)), None)
