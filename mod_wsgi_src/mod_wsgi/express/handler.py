# SPDX-License-Identifier: Apache-2.0
"""Runs inside the server: what the generated handler.wsgi and service.wsgi call before anything of the user's."""

from __future__ import annotations

import importlib
import os
import sys
import threading
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


def _run_script(path: str) -> ModuleType:
    """A script as a module of its own."""
    with open(path, "rb") as stream:
        code = compile(stream.read(), path, "exec", dont_inherit=True)
    module = ModuleType("__wsgi__")
    module.__file__ = path
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102  (the application itself)
    return module


def load_script(path: str, name: str) -> Callable[..., object]:
    """The application object of a script."""
    found = getattr(_run_script(path), name, None)
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


def load_paste(path: str) -> Callable[..., object]:
    """The application that a configuration of PasteDeploy describes."""
    deploy = importlib.import_module("paste.deploy")
    return deploy.loadapp(f"config:{path}")


def load_resource(path: str) -> Callable[..., object]:
    """What answers for files: handle_request of the script, or its application."""
    module = _run_script(path)
    for name in ("handle_request", "application"):
        found = getattr(module, name, None)
        if callable(found):
            return found
    raise ImportError(f"script {path!r} has neither handle_request() nor application()")


def reloading(path: str) -> Callable[..., object]:
    """load_resource() again whenever the script has changed."""
    lock = threading.Lock()
    loaded = (os.stat(path).st_mtime_ns, load_resource(path))

    def handle_request(environ: dict[str, object], start_response: Callable[..., object]) -> object:
        nonlocal loaded
        stamp = os.stat(path).st_mtime_ns
        if stamp != loaded[0]:
            with lock:
                if stamp != loaded[0]:
                    loaded = (stamp, load_resource(path))
        return loaded[1](environ, start_response)

    return handle_request
