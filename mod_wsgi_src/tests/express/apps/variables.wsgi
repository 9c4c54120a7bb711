# What an application sees: taken while it is loaded, since that is when applications read their environment.
import json
import os
import sys

SEEN = {name: value for name, value in os.environ.items() if name.startswith("MOD_WSGI_")}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    found = {
        "os": SEEN,
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "path": sys.path,
        "locale": os.environ.get("LC_ALL"),
        "uid": os.getuid(),
        "extra": {name: value for name, value in environ.items() if name.startswith("TEST_")},
        "group": environ["mod_wsgi.process_group"],
        "interpreter": environ["mod_wsgi.application_group"],
        "secret": os.environ.get("TEST_SECRET"),
    }
    return [json.dumps(found).encode()]
