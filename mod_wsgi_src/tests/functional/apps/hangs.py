# SPDX-License-Identifier: Apache-2.0
"""Applications that do not come back, and such that take their process with them. The path chooses."""

import ctypes
import faulthandler
import os
import signal
import socket
import threading
import time

BODY = [("Content-Type", "text/plain")]


def pid():
    return str(os.getpid())


def python():
    while True:
        pass


def sleeping():
    time.sleep(60)


def receiving():
    ours, theirs = socket.socketpair()
    ours.recv(1)
    theirs.close()


def holding_the_gil():
    ctypes.PyDLL(None).sleep(60)


def in_c():
    ctypes.CDLL(None).sleep(60)


def briefly():
    time.sleep(1.5)
    return pid()


def lock():
    """Two locks, two threads, the wrong order."""
    first, second = threading.Lock(), threading.Lock()

    def other():
        with second:
            time.sleep(0.2)
            first.acquire()

    threading.Thread(target=other, daemon=True).start()
    with first:
        time.sleep(0.2)
        second.acquire()


def segv():
    ctypes.string_at(0)


def bus():
    signal.pthread_kill(threading.get_ident(), signal.SIGBUS)


def abort():
    os.abort()


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/") or "pid"
    assert faulthandler.is_enabled() or not environ["mod_wsgi.process_group"]
    text = globals()[name]() or "back"
    start_response("200 OK", [*BODY, ("Content-Length", str(len(text)))])
    return [text.encode()]
