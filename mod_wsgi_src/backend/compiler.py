# SPDX-License-Identifier: Apache-2.0
"""Compiles and links the Apache module, then reads the result to see that it will load the right libpython."""

from __future__ import annotations

import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from find_httpd import BuildHttpd
from find_python import BuildPython
from mod_wsgi.server import elf
from operating_system import BuildError, how_to_install

_COMPILE = (
    "-std=c11",
    "-O2",
    "-fPIC",
    "-pthread",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fstack-protector-strong",
)
# What makes the headers of a system show the POSIX calls that -std=c11 hides.
_SYSTEM_DEFINES = {
    "linux": ("-D_GNU_SOURCE",),
    "sunos": ("-D_XOPEN_SOURCE=600", "-D__EXTENSIONS__", "-D_POSIX_PTHREAD_SEMANTICS", "-D_REENTRANT"),
    "darwin": ("-D_DARWIN_C_SOURCE",),
}
_SYSTEM_LINK = {
    "linux": ("-shared", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"),
    "freebsd": ("-shared", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,-z,noexecstack"),
    "sunos": ("-shared", "-lsocket", "-lnsl"),
    "darwin": ("-bundle", "-undefined", "dynamic_lookup"),
}


class Compiler:
    """One compiler command with the flags of one build."""

    def __init__(self, httpd: BuildHttpd, python: BuildPython, environ: Mapping[str, str] = os.environ) -> None:
        self._command = find_command(environ)
        self._python = python
        self._environ = environ
        self._cflags = shlex.split(environ.get("CFLAGS", ""))
        self._includes = _include_options((*python.include_directories, *httpd.include_directories))
        self._defines = list(dict.fromkeys((*httpd.compiler_flags, *_of_system(_SYSTEM_DEFINES))))

    def build(self, sources: Sequence[Path], work: Path, target: Path) -> None:
        """Compiles `sources` with objects in `work` and links them to `target`. Raises BuildError."""
        objects = [work / f"{source.parent.name}-{source.stem}.o" for source in sources]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for outcome in [pool.submit(self._compile, *pair) for pair in zip(sources, objects)]:
                outcome.result()
        self._link(objects, target)
        verify(target, self._python)

    def _compile(self, source: Path, target: Path) -> None:
        options = [*_COMPILE, *self._fortify(), *self._defines, *self._includes]
        if self._environ.get("MOD_WSGI_WERROR") == "1":
            options.append("-Werror")
        self._run([*options, *self._cflags, "-c", str(source), "-o", str(target)], f"{source} does not compile")

    def _fortify(self) -> list[str]:
        """Without optimisation the C library only warns about it, and sanitizers bring checks of their own."""
        if any(flag == "-O0" or flag.startswith("-fsanitize") for flag in self._cflags):
            return []
        return ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]

    def _link(self, objects: Sequence[Path], target: Path) -> None:
        arguments = [
            "-pthread",
            *map(str, objects),
            self._python.libpython,
            *self._run_path(),
            *_of_system(_SYSTEM_LINK),
        ]
        # CFLAGS too: they may hold what must be said at both steps (-m64, -fsanitize=...).
        arguments += [*self._cflags, *shlex.split(self._environ.get("LDFLAGS", ""))]
        self._run([*arguments, "-o", str(target)], f"{target.name} does not link")

    def _run_path(self) -> list[str]:
        """DT_RPATH where there is a choice: unlike DT_RUNPATH it is searched before LD_LIBRARY_PATH, so that another
        libpython of the same name can never come first."""
        directory = self._python.library_directory
        if sys.platform.startswith("sunos"):
            return ["-Xlinker", "-R", "-Xlinker", directory]
        old_style = ["-Wl,--disable-new-dtags"] if sys.platform.startswith(("linux", "freebsd")) else []
        return [*old_style, "-Xlinker", "-rpath", "-Xlinker", directory]

    def _run(self, arguments: Sequence[str], complaint: str) -> None:
        command = [*self._command, *arguments]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        except OSError as error:
            raise BuildError(f"{command[0]} cannot be run: {error}") from None
        if done.stdout or done.stderr:
            print(done.stdout + done.stderr, file=sys.stderr, end="")
        if done.returncode:
            print(shlex.join(command), file=sys.stderr)
            raise BuildError(
                f"{complaint}: {self._command[0]} ended with code {done.returncode}, see above{_advice(done.stderr)}"
            )


def find_command(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The C compiler: CC, else the one that Python was built with, else a usual name. Raises BuildError."""
    path = environ.get("PATH", os.defpath)
    if environ.get("CC"):
        command = shlex.split(environ["CC"])
        if not shutil.which(command[0], path=path):
            raise BuildError(f"CC in the environment is {environ['CC']!r}, and there is no such compiler")
        return command
    built_with = shlex.split(str(sysconfig.get_config_var("CC") or ""))[:1]
    for name in (*built_with, "cc", "gcc", "clang"):
        if shutil.which(name, path=path):
            return [name]
    raise BuildError(f"no C compiler in PATH; {how_to_install('compiler')}")


def verify(module: Path, python: BuildPython) -> None:
    """Refuses a module that would not load the libpython of the building interpreter first. Raises BuildError."""
    try:
        dynamic = elf.read(str(module))
    except elf.NotElfError:
        print(f"{module.name} is not an ELF file: its libpython was not verified")
        return
    first = dynamic.search_path.split(":")[0]
    others = [name for name in dynamic.needed if name.startswith("libpython") and name != python.soname]
    is_same = first and os.path.isdir(first) and os.path.samefile(first, python.library_directory)
    if python.soname not in dynamic.needed or others or not is_same:
        raise BuildError(
            f"the linked module would not load {python.libpython}: it needs {', '.join(dynamic.needed) or 'nothing'} "
            f"and searches {dynamic.search_path or 'no path of its own'}. Look for flags in CFLAGS, LDFLAGS or CC that "
            "name another Python or run path"
        )


def _advice(messages: str) -> str:
    """A compiler may be there without the C library's files; httpd's and Python's headers were looked for before."""
    found = re.search(
        r"fatal error: '?([\w./-]+\.h)'?(?:: No such| file not found)|cannot find (crt\w*\.o|-lc)\b", messages
    )
    return f"; {found[1] or found[2]} is missing: {how_to_install('compiler')}" if found else ""


def _of_system(table: Mapping[str, Sequence[str]]) -> Sequence[str]:
    return next((value for name, value in table.items() if sys.platform.startswith(name)), table["linux"])


def _include_options(directories: Sequence[str]) -> list[str]:
    """As system headers: warnings about them are none of our business. /usr/include itself must keep its place."""
    options: list[str] = []
    for directory in dict.fromkeys(directories):
        if os.path.realpath(directory) != "/usr/include":
            options += ["-isystem", directory]
    return options
