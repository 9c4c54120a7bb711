# SPDX-License-Identifier: Apache-2.0
"""Uses up what a process can use up, or tells how much it may."""

import os
import resource
import threading
import time

MIB = 1 << 20
kept = []


def pid(n):
    return os.getpid()


def allocates(n):
    """n MiB, given back at once."""
    return len(bytearray(n * MIB))


def keeps(n):
    """n MiB, touched and never given back."""
    kept.append(b"x" * (n * MIB))
    return os.getpid()


def opens(n):
    """How many of n more files can be open."""
    files = []
    try:
        for _ in range(n):
            files.append(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        return f"{len(files)} {error.strerror}"
    finally:
        for fd in files:
            os.close(fd)
    return len(files)


def forks(n):
    """How many of n children can live at a time."""
    children = []
    read, write = os.pipe()
    try:
        for _ in range(n):
            child = os.fork()
            if child == 0:
                os.close(write)
                os.read(read, 1)
                os._exit(0)
            children.append(child)
    except OSError as error:
        return f"{len(children)} {error.strerror}"
    finally:
        os.close(write)
        os.close(read)
        for child in children:
            os.waitpid(child, 0)
    return len(children)


def starts(n):
    """How many of n threads can live at a time."""
    over = threading.Event()
    threads = []
    try:
        for _ in range(n):
            thread = threading.Thread(target=over.wait)
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        return f"{len(threads)} {error}"
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return len(threads)


def burns(n):
    """n tenths of a second of processor time."""
    end = time.thread_time() + n / 10
    while time.thread_time() < end:
        pass
    return os.getpid()


def priority(n):
    return os.getpriority(os.PRIO_PROCESS, 0)


def limit(n):
    return " ".join(str(resource.getrlimit(kind)[0]) for kind in (resource.RLIMIT_CPU, resource.RLIMIT_NOFILE))


def stack(n):
    """Bytes of this thread's stack."""
    import ctypes

    libc = ctypes.CDLL(None)
    attributes = ctypes.create_string_buffer(256)
    size = ctypes.c_size_t()
    libc.pthread_self.restype = ctypes.c_void_p
    libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
    libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return size.value


def application(environ, start_response):
    name, _, number = environ["PATH_INFO"].strip("/").partition("/")
    body = str(globals()[name](int(number or 0))).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]
