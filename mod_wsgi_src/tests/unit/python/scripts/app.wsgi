# SPDX-License-Identifier: Apache-2.0
"""One callable for each behaviour, right and wrong, that the unit tests drive."""

import gzip
import io
import os
import sys
import tempfile
import threading

OK = "200 OK"
TEXT = [("Content-Type", "text/plain")]
events = []
kept = {}


def hello(environ, start_response):
    start_response(OK, TEXT)
    return [b"hello ", b"world"]


def tuple_body(environ, start_response):
    start_response(OK, TEXT)
    return (b"a", b"", b"b")


def empty(environ, start_response):
    start_response("200", [])
    return []


def big(environ, start_response):
    start_response(OK, TEXT)
    return [b"x" * 1000] * 200


def writer(environ, start_response):
    write = start_response(OK, TEXT)
    write(b"one ")
    write(b"")
    write(b"two ")
    return [b"three"]


class Body:
    """An iterable that tells what happened to it."""

    def __init__(self, items, close_error=None):
        self.items = iter(items)
        self.close_error = close_error

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self):
        events.append("close")
        if self.close_error:
            raise self.close_error


def generator(environ, start_response):
    start_response(OK, TEXT)
    yield b""
    yield b"first "
    yield b"second "
    yield b""
    yield b"third"


def late_start(environ, start_response):
    yield b""
    start_response(OK, TEXT)
    yield b"late"


def closing(environ, start_response):
    events.clear()
    start_response(OK, TEXT)
    return Body([b"a", b"b"])


def closing_error(environ, start_response):
    events.clear()
    start_response(OK, TEXT)
    return Body([b"a", b"b"], ValueError("from close"))


def read_events(environ, start_response):
    start_response(OK, TEXT)
    return [",".join(events).encode()]


def no_start(environ, start_response):
    return [b"hello"]


def no_start_iterated(environ, start_response):
    events.clear()
    return Body([b"x"])


def no_start_empty(environ, start_response):
    return iter(())


def raise_early(environ, start_response):
    raise ValueError("early")


def raise_after_start(environ, start_response):
    start_response(OK, TEXT)
    raise ValueError("after start")


def raise_exit(environ, start_response):
    sys.exit(3)


def raise_first(environ, start_response):
    events.clear()
    start_response(OK, TEXT)
    return Body([ValueError("at once"), b"x"])


def raise_later(environ, start_response):
    events.clear()
    start_response(OK, TEXT)
    return Body([b"begun", ValueError("in the middle")])


def recovers(environ, start_response):
    try:
        start_response(OK, TEXT + [("X-Old", "1")])
        raise ValueError("before output")
    except ValueError:
        start_response("500 Oops", [("X-New", "1")], sys.exc_info())
        return [b"recovered"]


def recovers_keyword(environ, start_response):
    start_response(OK, TEXT)
    start_response("503 Oops", [("X-New", "1")], exc_info=(ValueError, ValueError(), None))
    return [b"recovered"]


def too_late(environ, start_response):
    start_response(OK, TEXT)(b"begun")
    try:
        raise ValueError("the first error")
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())
    return [b"never"]


def start_twice(environ, start_response):
    start_response(OK, TEXT)
    start_response(OK, TEXT)
    return [b"x"]


def bad_item(environ, start_response):
    start_response(OK, TEXT)
    return [b"fine", "text"]


def bad_item_iterated(environ, start_response):
    start_response(OK, TEXT)
    yield "text"


def bad_result(environ, start_response):
    start_response(OK, TEXT)
    return None


def by_environ(environ, start_response):
    """Status and headers come as Python text."""
    status = eval(environ["test.status"]) if "test.status" in environ else OK
    headers = eval(environ["test.headers"]) if "test.headers" in environ else TEXT
    start_response(status, headers)
    return [environ.get("test.body", "body").encode()]


def caught(environ, start_response):
    """A middleware that turns a bad head into a page of its own."""
    try:
        start_response(OK, [("Bad Name", "x")])
    except ValueError:
        start_response("500 Caught", TEXT)
    return [b"caught"]


def declared(environ, start_response):
    start_response(OK, [("Content-Length", environ["test.length"])])
    return iter([b"12345", b"67890"])


def declared_list(environ, start_response):
    start_response(OK, [("Content-Length", environ["test.length"])])
    return [b"12345", b"67890"]


def show_environ(environ, start_response):
    keys = sorted(key for key in environ if key not in ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper"))
    start_response(OK, TEXT)
    return ["".join(f"{key}={environ[key]!r}\n" for key in keys).encode("utf-8", "surrogateescape")]


def same_values(environ, start_response, earlier={}):
    """Which of these values is the very object that the request before had."""
    start_response("200 OK", [])
    names = ["HTTP_USER_AGENT", "HTTP_COOKIE", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION"]
    same = [name for name in names if environ[name] is earlier.get(name)]
    earlier.update(environ)
    return [" ".join(same).encode()]


def own_dict(environ, start_response):
    """Each request has a dictionary of its own."""
    seen = environ.get("mine", "nothing")
    environ["mine"] = "something"
    del environ["SERVER_NAME"]
    kept["environ"] = environ
    start_response(OK, TEXT)
    return [f"{seen} {type(environ) is dict}".encode()]


# ---- input


def echo(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response(OK, TEXT)
    return [body]


def by_calls(environ, start_response):
    """Runs an expression over `input`, joins what it gives."""
    result = eval(environ["test.calls"], {"input": environ["wsgi.input"]})
    start_response(OK, TEXT)
    return [repr(result).encode()]


def survives_input(environ, start_response):
    """Every try to read a lost body fails."""
    errors = []
    for _ in range(3):
        try:
            environ["wsgi.input"].read(10)
            errors.append("read")
        except OSError as error:
            errors.append(f"OSError {error.errno}")
    start_response(OK, TEXT)
    return [" ".join(errors).encode()]


def keep(environ, start_response):
    kept.update(input=environ["wsgi.input"], start=start_response, errors=environ["wsgi.errors"])
    kept["write"] = start_response(OK, TEXT)
    return [b"kept"]


def use_kept(environ, start_response):
    result = []
    for use in (kept["input"].read, lambda: kept["start"](OK, []), lambda: kept["write"](b"x")):
        try:
            use()
            result.append("worked")
        except RuntimeError:
            result.append("RuntimeError")
    start_response(OK, TEXT)
    return [" ".join(result).encode()]


def read_in_thread(environ, start_response):
    """The body is read and an answer written in a thread of the application, at the same time as here."""
    parts = {}

    def work(name):
        parts[name] = environ["wsgi.input"].read(4)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    work("here")
    for thread in threads:
        thread.join()
    start_response(OK, TEXT)
    return [b"".join(sorted(parts.values()))]


def thread_outlives(environ, start_response):
    """A thread still reads when the request ends."""
    started = threading.Event()

    def work():
        started.set()
        try:
            kept["outlived"] = environ["wsgi.input"].read(1)
        except RuntimeError as error:
            kept["outlived"] = repr(error).encode()

    kept["thread"] = threading.Thread(target=work)
    kept["thread"].start()
    started.wait()
    start_response(OK, TEXT)
    return [b"ended"]


def join_thread(environ, start_response):
    kept["thread"].join()
    start_response(OK, TEXT)
    return [kept["outlived"]]


# ---- files


def temporary(content=b"0123456789" * 1000):
    file = tempfile.TemporaryFile(buffering=-1)
    file.write(content)
    file.seek(0)
    return file


def wrap(environ, start_response):
    headers = list(TEXT)
    if "test.length" in environ:
        headers.append(("Content-Length", environ["test.length"]))
    file = temporary()
    file.seek(int(environ.get("test.offset", "0")))
    kept["file"] = file
    start_response(OK, headers)
    return environ["wsgi.file_wrapper"](file, 100)


def wrap_unflushed(environ, start_response):
    file = tempfile.TemporaryFile()
    file.write(b"not on disk yet")
    file.seek(0, os.SEEK_SET)
    start_response(OK, TEXT)
    return environ["wsgi.file_wrapper"](file)


def wrap_text(environ, start_response):
    start_response(OK, TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"in memory"), blksize=4)


def wrap_gzip(environ, start_response):
    raw = temporary(gzip.compress(b"plain text"))
    start_response(OK, TEXT)
    return environ["wsgi.file_wrapper"](gzip.GzipFile(fileobj=raw))


def wrap_closed(environ, start_response):
    file = temporary()
    file.close()
    start_response(OK, TEXT)
    return environ["wsgi.file_wrapper"](file)


def wrap_after_write(environ, start_response):
    start_response(OK, TEXT)(b"before ")
    return environ["wsgi.file_wrapper"](temporary(b"file"))


def file_is_closed(environ, start_response):
    start_response(OK, TEXT)
    return [repr(kept["file"].closed).encode()]


# ---- logs


def log_lines(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("one\ntwo ")
    errors.write("more\nunfin")
    print("printed")
    print("to stderr", file=sys.stderr)
    errors.writelines(["ished\n", "forged\r\x1b[1m\x00 line"])
    start_response(OK, TEXT)
    return [b"logged"]


def log_long(environ, start_response):
    environ["wsgi.errors"].write("y" * 20000 + "\n")
    start_response(OK, TEXT)
    return [b"logged"]


def log_odd(environ, start_response):
    errors = environ["wsgi.errors"]
    errors.write("caf\u00e9 \udc80\n")
    errors.buffer.write(b"bytes\n")
    try:
        errors.fileno()
    except OSError as error:
        errors.write(f"{type(error).__name__} {errors.name} {errors.encoding} {errors.isatty()} {errors.closed}\n")
    start_response(OK, TEXT)
    return [b"logged"]


def log_traceback(environ, start_response):
    raise ValueError("line one\nmod_wsgi: forged\x1b[31m caf\u00e9 \udcff")


def recurse(environ, start_response):
    return recurse(environ, start_response)


def log_in_thread(environ, start_response):
    thread = threading.Thread(target=lambda: print("from a thread of the application"))
    thread.start()
    thread.join()
    start_response(OK, TEXT)
    return [b"logged"]


# ---- the process


def show_modules(environ, start_response):
    import apache
    import mod_wsgi

    metrics = mod_wsgi.process_metrics()
    lines = [
        f"{mod_wsgi.version} [{mod_wsgi.process_group}] [{mod_wsgi.application_group}]",
        f"{mod_wsgi.maximum_processes} {mod_wsgi.threads_per_process}",
        f"{environ['wsgi.file_wrapper'] is mod_wsgi.FileWrapper}",
        f"{apache.version} {apache.description} {apache.mpm_name} {apache.build_date}",
        f"{apache.maximum_processes} {apache.threads_per_process}",
        f"{sys.argv} {sys.stdin.read()!r} {__name__[:10]} {len(__name__)} {os.path.basename(__file__)}",
        f"{metrics['pid'] == os.getpid()} {metrics['request_count'] > 0} {sorted(metrics)}",
    ]
    start_response(OK, TEXT)
    return ["\n".join(lines).encode()]


def set_signal(environ, start_response):
    import signal

    def handler(*args):
        pass

    before = signal.getsignal(signal.SIGUSR1)
    same = signal.signal(signal.SIGUSR1, handler) is handler
    start_response(OK, TEXT)
    return [f"{same} {signal.getsignal(signal.SIGUSR1) == before}".encode()]


def blocks(environ, start_response):
    """How much memory Python has in use: for growth between requests."""
    import gc

    gc.collect()
    start_response(OK, TEXT)
    return [str(sys.getallocatedblocks()).encode()]


def forks(environ, start_response):
    """An application that forks and lets the child come back."""
    child = os.fork()
    start_response(OK, TEXT)
    if child == 0:
        return [b"from the child"]
    return [f"from the parent {os.waitpid(child, 0)[1]}".encode()]


def forks_and_writes(environ, start_response):
    child = os.fork()
    write = start_response(OK, TEXT)
    if child == 0:
        write(b"from the child")
        yield b"from the child"
    yield f"from the parent {os.waitpid(child, 0)[1]}".encode()


application = hello
