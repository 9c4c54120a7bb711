# SPDX-License-Identifier: Apache-2.0
"""Tells which process and interpreter runs it, and counts in a module of its own and in one that all share by name."""

import json
import os

import mod_wsgi

count = 0


def application(environ, start_response):
    global count
    count += 1
    facts = {
        "pid": os.getpid(),
        "count": count,
        "process_group": environ["mod_wsgi.process_group"],
        "application_group": environ["mod_wsgi.application_group"],
        "module_process_group": mod_wsgi.process_group,
        "module_application_group": mod_wsgi.application_group,
        "threads": mod_wsgi.threads_per_process,
        "processes": mod_wsgi.maximum_processes,
        "name": __name__,
        "file": __file__,
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(facts).encode()]
