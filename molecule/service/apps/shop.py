# SPDX-License-Identifier: Apache-2.0
"""Tells what it is and has, and tries what it is asked to write. For the tests of the sandbox and of secrets."""

import json
import os
from pathlib import Path


def attempt(path: str) -> str:
    try:
        with open(path, "a"):
            return "written"
    except OSError as error:
        return error.strerror


def credential(name: str) -> str:
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), name)
    return path.read_text() if path.is_file() else ""


def application(environ, start_response):
    query = environ["QUERY_STRING"]
    told = {
        "uid": os.getuid(),
        "pid": os.getpid(),
        "write": attempt(query) if query else "",
        "secret": len(os.environ.get("TOKEN", "")),
        "odd": os.environ.get("ODD", ""),
        "data": os.environ["MOD_WSGI_DATA_DIR"],
        "credentials": [credential("key"), credential("sealed")],
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
