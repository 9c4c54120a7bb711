# SPDX-License-Identifier: Apache-2.0
"""Runs inside the server: what the generated handler.wsgi and service.wsgi call before anything of the user's."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Callable

from .environment import OWNED


def set_variables(variables: Mapping[str, str]) -> None:
    for name in OWNED:
        os.environ.pop(name, None)
    os.environ.update(variables)


def enter(directory: str) -> None:
    """Embedded mode: the working directory that a daemon process gets from its configuration."""
    os.chdir(directory)
    if directory not in sys.path:
        sys.path.insert(0, directory)


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
