# SPDX-License-Identifier: Apache-2.0
"""Does to its process what no application should: descriptors, signals, tracebacks, threads."""

import os
import signal
import sys
import threading
import time
from urllib.parse import unquote


def stdin(query):
    return repr((sys.stdin.read(), os.read(0, 10)))


def long_line(query):
    print("y" * int(query), end="")
    return "printed"


def close_standard(query):
    for fd in (0, 1, 2):
        os.close(fd)
    print("after the standard descriptors went")
    return "closed"


def cover_stderr(query):
    fd = os.open(query, os.O_WRONLY | os.O_CREAT)
    os.dup2(fd, 2)
    print("after stderr was covered")
    return "covered"


def close_all(query):
    os.closerange(0, 1024)
    return "closed"


def handler(query):
    before = signal.getsignal(signal.SIGTERM)
    given = signal.signal(signal.SIGTERM, print)
    return repr((given is print, signal.getsignal(signal.SIGTERM) is before))


def alarm(query):
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.1)
    return "awake"


def block(query):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
    return "blocked"


def end_itself(query):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    return "finished"


def end_parent(query):
    os.kill(os.getppid(), signal.SIGTERM)
    return "told"


def end_other(query):
    os.kill(int(query), signal.SIGTERM)
    return "told"


def recurse(query):
    return recurse(query)


def chain(query):
    """An exception with a long history."""
    last = None
    for number in range(int(query)):
        error = ValueError(number)
        error.__cause__ = last
        last = error
    raise last


def message(query):
    raise RuntimeError(unquote(query) + "\udc80\u20ac\0\x1b[2J\n[core:notice] forged\r[core:notice] again")


def broken_text(query):
    class BrokenError(Exception):
        def __str__(self):
            raise KeyError("no text")

    raise BrokenError


BEATS = []


def background(query):
    """Threads that nobody ends, busy in Python, in C and in the log."""

    def beat(pause):
        while True:
            BEATS.append(1)
            del BEATS[:-1]
            time.sleep(pause)
            sys.stderr.write("")

    for pause in (0, 0.001, 3600):
        threading.Thread(target=beat, args=(pause,), daemon=True).start()
    return "started"


def pid(query):
    return str(os.getpid())


DEEDS = {
    function.__name__: function
    for function in (
        *(stdin, long_line, close_standard, cover_stderr, close_all, handler, alarm, block, end_itself, end_parent),
        *(end_other, recurse, chain, message, broken_text, background, pid),
    )
}


def application(environ, start_response):
    text = DEEDS[environ["PATH_INFO"].strip("/")](environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
