# SPDX-License-Identifier: Apache-2.0
"""Changes what belongs to the whole process, and tells what there is."""

import json
import locale
import os
import time


def change():
    os.chdir("/")
    os.umask(0o077)
    os.environ["TZ"] = "Asia/Kolkata"
    os.environ["MARK"] = "changed"
    time.tzset()
    locale.setlocale(locale.LC_ALL, "C")


def application(environ, start_response):
    if environ["PATH_INFO"] == "/change":
        change()
    mask = os.umask(0)
    os.umask(mask)
    seen = {
        "pid": os.getpid(),
        "directory": os.getcwd(),
        "umask": mask,
        "offset": time.localtime(0).tm_gmtoff,
        "mark": os.environ.get("MARK"),
        "locale": locale.setlocale(locale.LC_CTYPE),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(seen).encode()]
