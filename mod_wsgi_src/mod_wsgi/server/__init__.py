# SPDX-License-Identifier: Apache-2.0
"""Where the compiled Apache module lies, and what the build recorded about it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

DIRECTORY = os.path.dirname(os.path.abspath(__file__))
FACTS = "build.json"


class NotBuiltError(RuntimeError):
    """The package is there but not the module: a source tree, or a damaged installation."""


@dataclass(frozen=True)
class BuildFacts:
    """The file build.json that the build writes beside the module."""

    version: str
    platform_key: str
    module: str
    httpd: dict[str, object]  # source, why, executable, progname, modules_directory, rotatelogs, mpms, version, mmn
    python: dict[str, object]  # version, soabi, libpython, prefix

    @property
    def mmn(self) -> tuple[int, int]:
        """Module magic number, major and minor, of the httpd whose headers the module was compiled with."""
        major, minor = self.httpd["mmn"]  # type: ignore[misc]
        return major, minor


def facts(directory: str = DIRECTORY) -> BuildFacts:
    """Reads build.json. Raises NotBuiltError."""
    path = os.path.join(directory, FACTS)
    try:
        with open(path, encoding="utf-8") as stream:
            return BuildFacts(**json.load(stream))
    except (OSError, ValueError, TypeError) as error:
        raise NotBuiltError(f"{path}: {error}; install mod_wsgi with pip, which compiles the Apache module") from None


def module_path(directory: str = DIRECTORY) -> str:
    """Absolute path of the Apache module, for LoadModule. Raises NotBuiltError."""
    path = os.path.join(directory, facts(directory).module)
    if not os.path.isfile(path):
        raise NotBuiltError(f"{path}: the Apache module is missing; install mod_wsgi again")
    return path
