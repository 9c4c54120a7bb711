# Runs into limits, one at each path. What waits does so until the test opens the gate, a named pipe.
import atexit
import ctypes
import json
import os
import socket
import stat
import time

HERE = os.path.dirname(os.path.abspath(__file__))
NOTES = os.path.join(HERE, "notes")
GATE = os.path.join(HERE, "gate")

while os.path.exists(os.path.join(NOTES, "do-not-load")):
    time.sleep(0.02)


def note(name):
    with open(os.path.join(NOTES, name), "w") as file:
        file.write(str(os.getpid()))


atexit.register(note, "finalised")


def pid():
    return str(os.getpid())


def wait():
    """Where Python cannot interrupt it."""
    file = os.open(GATE, os.O_RDWR)
    note("waiting")
    os.read(file, 1)
    os.close(file)
    return pid()


def gil():
    """With the interpreter lock."""
    file = os.open(GATE, os.O_RDWR)
    note("waiting")
    ctypes.PyDLL(None).read(file, ctypes.create_string_buffer(1), 1)


busy = pid


def burn():
    end = time.process_time() + 1.5
    while time.process_time() < end:
        pass


def last():
    """Longer than one second, shorter than five."""
    note("waiting")
    ctypes.CDLL(None).usleep(4500000)
    note("survived")


def sizes():
    """Buffers of the connection to httpd, as the kernel has them."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with copy:
            is_named = copy.family == socket.AF_UNIX and copy.type == socket.SOCK_STREAM and copy.getsockname()
            if is_named and not copy.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return json.dumps([copy.getsockopt(socket.SOL_SOCKET, kind) for kind in (7, 8)])
    return "none"


def endless():
    try:
        for _ in range(4000):
            yield bytes(65536)
        note("taken")
    finally:
        note("closed")


def application(environ, start_response):
    name, _, number = environ["PATH_INFO"].strip("/").partition("/")
    body, fields = b"", []
    if name == "head":
        fields = [("X-Large", "x" * int(number))]
    elif name == "body":
        body = str(len(environ["wsgi.input"].read())).encode()
    elif name == "endless":
        start_response("200 OK", [])
        return endless()
    elif name != "file":
        body = (globals()[name]() or "back").encode()
    start_response("200 OK", [("Content-Type", "text/plain"), *fields])
    return [body]
