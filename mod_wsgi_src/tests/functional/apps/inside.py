# SPDX-License-Identifier: Apache-2.0
"""What an application sees of mod_wsgi in its own process: events, data of requests, log levels, metrics."""

import json
import logging
import os
import sys
import threading
import time

import apache
import mod_wsgi

EVENTS = []
OUTSIDE = []


def plain(value):
    """Something that JSON can tell."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else type(value).__name__


try:
    mod_wsgi.request_data()
except RuntimeError as error:
    OUTSIDE.append(str(error))


def middleware(application):
    def wrapped(environ, start_response):
        environ["test.wrapped"] = "yes"
        return application(environ, start_response)

    return wrapped


def subscribe_events(callback):
    """Unless the test wants nobody to subscribe."""
    quiet = os.path.exists(os.path.join(os.path.dirname(__file__), "quiet"))
    return callback if quiet else mod_wsgi.subscribe_events(callback)


@subscribe_events
def first(name, **details):
    if name == "request_started":
        details["request_data"]["begun"] = True
        if "wrap" in details["request_environ"]["QUERY_STRING"]:
            return {"application_object": middleware(details["application_object"]), "told": "by the first"}
    if name == "response_started" and details["response_status"] == "202 Accepted":
        details["response_headers"].append(("X-Event", details["request_id"]))
    return None


@subscribe_events
def second(name, **details):
    same = name.startswith("process") or details["request_data"] is mod_wsgi.request_data()
    EVENTS.append({"event": name, "same_data": same, **plain(details)})
    if name == "request_started" and "broken" in details["request_environ"]["QUERY_STRING"]:
        raise RuntimeError("a broken callback")


@mod_wsgi.subscribe_shutdown
def stopping(name, **details):
    print(f"told of {name}: {details}")


@mod_wsgi.subscribe_signals
def signalled(name, **details):
    print(f"told of {name}: {details} on {threading.current_thread().name}")


def log_levels(environ):
    logger = logging.getLogger("inside")
    logger.handlers[:] = [mod_wsgi.LogHandler()]
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    for level in ("debug", "info", "warning", "error", "critical"):
        getattr(logger, level)("a record of level %s", level)
    logger.info("two\nlines")
    try:
        raise KeyError("inside")
    except KeyError:
        logger.exception("with a traceback")
    return "done"


def data(environ):
    mod_wsgi.request_data()["seen"] = environ["mod_wsgi.request_id"]
    active = mod_wsgi.active_requests
    return {
        "id": environ["mod_wsgi.request_id"],
        "active": dict(active.items()),
        "length": len(active),
        "mine": active[environ["mod_wsgi.request_id"]] is mod_wsgi.request_data(),
        "contains": environ["mod_wsgi.request_id"] in active,
        "list": list(active),
        "get": active.get("nobody"),
        "outside": OUTSIDE,
        "repr": repr(active),
    }


def wait(environ):
    """Until the file named in the query goes away."""
    path = environ["QUERY_STRING"]
    open(path, "w").close()
    while os.path.exists(path):
        time.sleep(0.01)
    return "over"


def sleep(environ):
    time.sleep(float(environ["QUERY_STRING"]))
    return "awake"


def events(environ):
    told, EVENTS[:] = EVENTS[:], []
    return told


def attributes(environ):
    modules = {"mod_wsgi": mod_wsgi, "apache": apache}
    names = [name.split(".") for name in environ["QUERY_STRING"].split(",")]
    return {".".join(name): plain(getattr(modules[name[0]], name[1])) for name in names}


def call(environ):
    return plain(getattr(mod_wsgi, environ["QUERY_STRING"])())


def unsubscribed(environ):
    """How many callbacks there were; nobody listens afterwards."""
    count = len(mod_wsgi.event_callbacks)
    del mod_wsgi.event_callbacks[:]
    return count


def listen_directly(environ):
    """A callback that did not come by subscribe_events()."""
    mod_wsgi.event_callbacks.append(second)
    return len(mod_wsgi.event_callbacks)


def read(environ):
    return len(environ["wsgi.input"].read())


def fail(environ):
    raise LookupError("the application's own")


def timeout(environ):
    raise mod_wsgi.RequestTimeout


ANSWERS = {
    function.__name__: function
    for function in (
        log_levels,
        data,
        wait,
        events,
        attributes,
        call,
        unsubscribed,
        read,
        fail,
        timeout,
        sleep,
        listen_directly,
    )
}


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/")
    if name == "stream":
        start_response("202 Accepted", [("Content-Type", "text/plain")])
        return iter([b"one", b"", b"two", b"three"])
    answer = {"answer": ANSWERS[name](environ), "wrapped": environ.get("test.wrapped"), "pid": os.getpid()}
    start_response("200 OK", [("Content-Type", "application/json")])
    sys.stdout.flush()
    return [json.dumps(answer).encode()]
