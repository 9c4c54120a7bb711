# SPDX-License-Identifier: Apache-2.0
"""Tells where it runs, with what, and in which environment."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata

import mod_wsgi


def package(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def libraries():
    with open("/proc/self/maps") as maps:
        return sorted({line.split()[-1] for line in maps if "libpython" in line})


def application(environ, start_response):
    told = {
        "python": list(sys.version_info[:2]),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "libraries": libraries(),
        "itsdangerous": package("itsdangerous"),
        "module": mod_wsgi.__file__,
        "process_group": environ["mod_wsgi.process_group"],
        "multiprocess": environ["wsgi.multiprocess"],
        "env": dict(os.environ),
        "pid": os.getpid(),
        "uid": os.getuid(),
    }
    body = json.dumps(told).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
