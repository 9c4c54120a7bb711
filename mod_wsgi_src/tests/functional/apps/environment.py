# SPDX-License-Identifier: Apache-2.0
"""Answers with what the application sees: its environ, and the process around it."""

import json
import locale
import os
import sys
import threading

import apache
import mod_wsgi


def described(environ):
    """Each key with its type and, where JSON can carry it, its value."""
    seen = {}
    for key, value in environ.items():
        plain = value if isinstance(value, (str, int, float, bool, tuple)) else repr(value)
        seen[key] = [type(value).__name__, plain]
    return seen


def names(module):
    """Its public names with their types, without submodules."""
    getattr(module, "LogHandler", None)  # made when it is first asked for
    seen = {name: type(value).__name__ for name, value in vars(module).items() if not name.startswith("_")}
    return {f"{module.__name__}.{name}": kind for name, kind in seen.items() if kind not in ("module", "_Feature")}


def around():
    mask = os.umask(0)
    os.umask(mask)
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "umask": mask,
        "cwd": os.getcwd(),
        "path": sys.path,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "version": sys.version.split()[0],
        "library": os.path.basename(os.path.dirname(os.__file__)),
        "argv": sys.argv,
        "locale": locale.setlocale(locale.LC_CTYPE),
        "environment": dict(os.environ),
        "modules": {**names(mod_wsgi), **names(apache)},
        "threads": threading.active_count(),
        "title": open("/proc/self/cmdline", "rb").read().replace(b"\0", b" ").decode("latin-1").strip(),
    }


def application(environ, start_response):
    body = json.dumps({"environ": described(environ), "process": around()}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def other(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"other callable"]
