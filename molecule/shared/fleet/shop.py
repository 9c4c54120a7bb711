# SPDX-License-Identifier: Apache-2.0
"""Tells which release answers. The release called `bad` loads, and fails in what it does."""

import json
import os
import socket
import time
from pathlib import Path
from urllib.parse import parse_qs

import six

VERSION = Path(__file__).with_name("VERSION").read_text().strip()


def application(environ, start_response):
    seconds = float(parse_qs(environ["QUERY_STRING"]).get("seconds", ["0"])[0])
    time.sleep(seconds)
    told = json.dumps({"version": VERSION, "six": six.__version__, "host": socket.gethostname(), "pid": os.getpid()})
    start_response(
        "500 Internal Server Error" if VERSION == "bad" else "200 OK", [("Content-Type", "application/json")]
    )
    return [told.encode()]
