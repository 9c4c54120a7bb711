# SPDX-License-Identifier: Apache-2.0
"""Runs inside the server: what the generated handler.wsgi and service.wsgi call before anything of the user's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Callable

from .environment import OWNED


def set_variables(variables: Mapping[str, str]) -> None:
    for name in OWNED:
        os.environ.pop(name, None)
    os.environ.update(variables)


def take_terminal() -> None:
    """Debugging: the standard streams are those of the server and not the log, so that pdb can talk."""
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  (for as long as the process lives)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115


def enter(directory: str) -> None:
    """Embedded mode: the working directory that a daemon process gets from its configuration."""
    os.chdir(directory)
    if directory not in sys.path:
        sys.path.insert(0, directory)


def load_script(path: str, name: str) -> Callable[..., object]:
    """The application object of a script, which is executed as a module of its own."""
    with open(path, "rb") as stream:
        code = compile(stream.read(), path, "exec", dont_inherit=True)
    module = ModuleType("__wsgi__")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102  (the application itself)
    found = getattr(module, name, None)
    if not callable(found):
        raise ImportError(f"script {path!r} has no callable {name!r}; see --callable-object")
    return found


def load_module(name: str, attribute: str) -> Callable[..., object]:
    """The application object of a module; `attribute` may be dotted."""
    found: object = importlib.import_module(name)
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ImportError(
                f"module {name!r} has no {attribute!r}; name the application as module:callable"
            ) from None
    if not callable(found):
        raise ImportError(f"{attribute!r} of module {name!r} is a {type(found).__name__}, which cannot be called")
    return found
