# SPDX-License-Identifier: Apache-2.0
"""Long vectors of every kind, and who answers."""

import hashlib
import json
import os

BLOCK = bytes(range(256)) * 32


def application(environ, start_response):
    what = environ["PATH_INFO"]
    if what == "/fields":
        body = json.dumps({key: value for key, value in environ.items() if key.startswith("HTTP_X_EXTRA_")}).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    if what == "/answer":
        start_response("200 OK", [(f"X-Field-{number}", f"value {number}") for number in range(90)])
        return [b"ninety"]
    if what == "/pieces":
        start_response("200 OK", [])
        return (b"piece %d\n" % number for number in range(100))
    if what == "/vector":
        start_response("200 OK", [])
        return [BLOCK] * 100
    if what == "/body":
        body = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [hashlib.sha256(body).hexdigest().encode()]
    told = {"pid": os.getpid(), "uid": os.getuid(), "mode": environ["mod_wsgi.process_group"], "env": dict(os.environ)}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(told).encode()]
