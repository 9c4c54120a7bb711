# SPDX-License-Identifier: Apache-2.0
"""Answers with how the interpreter that runs it was set up."""

import json
import os
import signal
import sys
import threading

import mod_wsgi


def is_restricted(stream, attribute):
    try:
        getattr(stream, attribute)
    except OSError:
        return True
    return False


def signals_are_restricted():
    try:
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    except ValueError:  # Python's own refusal: this is not its main thread
        return False
    return True


def application(environ, start_response):
    gil = getattr(sys, "_is_gil_enabled", lambda: True)
    body = json.dumps(
        {
            "pid": os.getpid(),
            "version": list(sys.version_info[:3]),
            "process_group": mod_wsgi.process_group,
            "application_group": mod_wsgi.application_group,
            "optimize": sys.flags.optimize,
            "dont_write_bytecode": sys.dont_write_bytecode,
            "warnings": sys.warnoptions,
            "hash_randomization": sys.flags.hash_randomization,
            "hash": hash("where hashes begin"),
            "switch_interval": sys.getswitchinterval(),
            "egg_cache": os.environ.get("PYTHON_EGG_CACHE"),
            "gil": gil(),
            "path": sys.path,
            "stdin_restricted": is_restricted(sys.stdin, "read"),
            "stdout_restricted": is_restricted(sys.stdout, "write"),
            "signal_restricted": signals_are_restricted(),
            "threads": threading.active_count(),
        }
    ).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [body]
