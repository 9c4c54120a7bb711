# SPDX-License-Identifier: Apache-2.0
"""Applications that fork, leave threads and processes behind, or count how often they were entered."""

import atexit
import os
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs

BODY = [("Content-Type", "text/plain")]


def argument(environ, name):
    return parse_qs(environ["QUERY_STRING"])[name][0]


def entered(environ):
    """One byte more in the file `log`; then what `then` says."""
    with open(argument(environ, "log"), "a") as file:
        file.write("x")
    if "kill" in argument(environ, "then"):
        os.kill(os.getpid(), 9)
    return str(os.getpid())


def fork(environ):
    """The child comes back through here as if it were the request."""
    return f"{'child' if os.fork() == 0 else 'parent'}"


def zombies(environ):
    for _ in range(20):
        if os.fork() == 0:
            os._exit(0)
    return str(os.getpid())


def outlives(environ):
    """A program of the application's that does not end by itself."""
    return str(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"]).pid)


def thread(environ):
    """Never ends, and is no daemon thread: Python waits for it at its end."""
    threading.Thread(target=time.sleep, args=(300,)).start()
    return str(os.getpid())


def at_exit(environ):
    atexit.register(time.sleep, 300)
    return str(os.getpid())


class Deleted:
    def __init__(self):
        self.lock = threading.Lock()

    def __del__(self):
        self.lock.acquire()
        self.lock.acquire()


def in_del(environ):
    globals()["deleted"] = Deleted()
    return str(os.getpid())


kept = []


def leaks(environ):
    kept.append(b"x" * (4 << 20))
    return "leaked"


def leaks_a_little(environ):
    kept.append(b"x" * (16 << 10))  # touched, so that it is resident
    return "leaked"


def lingers(environ):
    """One byte more in the file `log`, then a while."""
    with open(argument(environ, "log"), "a") as file:
        file.write("x")
    time.sleep(0.5)
    return str(os.getpid())


def exits(environ):
    os._exit(int(argument(environ, "n")))


def uid(environ):
    return str(os.getuid())


def logs(environ):
    print(f"line {argument(environ, 'n')} of many", file=environ["wsgi.errors"])
    return str(os.getpid())


def pid(environ):
    return str(os.getpid())


def sleeps(environ):
    time.sleep(float(argument(environ, "n")))
    return str(os.getpid())


def streams(environ):
    """Until the other side is gone; says so in the file `log`."""
    try:
        while True:
            yield b"x" * 1024
            time.sleep(0.02)
    finally:
        with open(argument(environ, "log"), "a") as file:
            file.write("x")


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/") or "pid"
    result = globals()[name](environ)
    length = [("Content-Length", str(len(result)))] if isinstance(result, str) else []
    start_response("200 OK", BODY + length)
    return [result.encode()] if isinstance(result, str) else result
