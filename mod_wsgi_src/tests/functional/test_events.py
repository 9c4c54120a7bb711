# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi inside an application: events, data of requests, subscriptions."""

from __future__ import annotations

import json
import os
import signal
import threading
from typing import Any, Callable

import pytest
from harness.server import Httpd
from harness.waiting import until

REQUEST = {"request_id", "request_data"}
START = REQUEST | {
    *("thread_id", "server_pid", "request_start", "queue_start", "daemon_start", "application_start"),
    *("daemon_connects", "daemon_restarts"),
}
STARTED = START | {"application_object", "callable_object", "request_environ"}
FINISHED = START | {
    *("status", "application_finish", "application_time", "input_reads", "input_length", "input_time"),
    *("output_writes", "output_length", "output_time", "cpu_user_time", "cpu_system_time", "cpu_time"),
    *("gil_wait_time", "gil_wait_count"),
}
RESPONSE = REQUEST | {"response_status", "response_headers", "exception_info"}


@pytest.fixture
def inside(serve: Callable[..., Httpd]) -> Httpd:
    return serve("inside.py", "LogLevel debug")


def ask(server: Httpd, path: str, **options: Any) -> Any:
    return json.loads(server.get(path, **options).text)["answer"]


def told(server: Httpd) -> list[dict[str, Any]]:
    """The events since the last question, without those of the question itself."""
    return [event for event in ask(server, "/events") if event.get("request_environ", {}).get("PATH_INFO") != "/events"]


def keys(event: dict[str, Any]) -> set[str]:
    return set(event) - {"event", "same_data"}


def test_events_of_a_request(inside: Httpd, mode: str) -> None:
    ask(inside, "/events")
    assert inside.get("/stream?a=b", method="POST", body=b"x" * 70000).complete
    *_, started, response, finished = [e for e in told(inside) if e["event"] != "response_started" or keys(e)]
    assert [e["event"] for e in (started, response, finished)] == [
        "request_started",
        "response_started",
        "request_finished",
    ]
    assert keys(started) == STARTED
    assert keys(response) == RESPONSE
    assert keys(finished) == FINISHED
    assert all(event["same_data"] and event["request_data"] == {"begun": True} for event in (started, finished))
    assert started["request_id"] == response["request_id"] == finished["request_id"] != ""
    assert started["callable_object"] == "application"
    assert started["request_environ"]["QUERY_STRING"] == "a=b"
    assert started["request_start"] <= started["application_start"] <= finished["application_finish"]
    assert (started["queue_start"] > 0) == (started["daemon_start"] > 0) == (mode == "daemon")
    assert started["daemon_connects"] == (mode == "daemon")
    assert started["daemon_restarts"] == 0
    assert started["server_pid"] in {p.pid for p in inside.processes()}
    assert response["response_status"] == "202 Accepted"
    assert response["exception_info"] is None
    assert finished["status"] == 202
    assert (finished["output_writes"], finished["output_length"]) == (3, 11)
    assert (finished["input_reads"], finished["input_length"]) == (0, 0)
    assert finished["gil_wait_count"] >= 2
    assert finished["cpu_time"] == pytest.approx(finished["cpu_user_time"] + finished["cpu_system_time"])


@pytest.mark.parametrize("mode", ["daemon"])
def test_a_request_that_was_handed_on_says_so(inside: Httpd, mode: str) -> None:
    """A process whose script has changed gives the request back, and its successor runs it."""
    assert inside.get("/data").status == 200
    os.utime(inside.apps / "inside.py", (1, 1))
    started = next(event for event in ask(inside, "/events") if event["event"] == "request_started")
    assert started["daemon_restarts"] >= 1
    assert started["daemon_connects"] == started["daemon_restarts"] + 1


def test_the_body_that_was_read_is_counted(inside: Httpd) -> None:
    ask(inside, "/events")
    assert ask(inside, "/read", method="POST", body=b"x" * 70000) == 70000
    finished = next(e for e in told(inside) if e["event"] == "request_finished" and e["input_length"])
    assert (finished["input_reads"], finished["input_length"]) == (1, 70000)


def test_a_callback_may_replace_the_application_and_tell_the_next_one(inside: Httpd) -> None:
    ask(inside, "/events")
    assert json.loads(inside.get("/data?wrap").text)["wrapped"] == "yes"
    started = next(e for e in told(inside) if e["event"] == "request_started")
    assert started["told"] == "by the first"
    assert json.loads(inside.get("/data").text)["wrapped"] is None


def test_a_callback_may_add_a_header(inside: Httpd) -> None:
    response = inside.get("/stream")
    assert response.get("X-Event")


def test_a_callback_that_raises_harms_nobody(inside: Httpd) -> None:
    mark = len(inside.log())
    assert inside.get("/data?broken").status == 200
    inside.wait_log("RuntimeError: a broken callback", since=mark)


def test_an_exception_of_the_application_is_an_event(inside: Httpd) -> None:
    ask(inside, "/events")
    assert inside.get("/fail").status == 500
    events = told(inside)
    raised = next(e for e in events if e["event"] == "request_exception")
    assert keys(raised) == REQUEST | {"exception_info"}
    assert raised["exception_info"] == ["type", "LookupError", "traceback"]
    finished = events[[e["event"] for e in events].index("request_exception") + 1]
    assert (finished["event"], finished["status"]) == ("request_finished", 500)
    assert inside.log().count("LookupError: the application's own") == 1


def test_request_timeout_leaves_as_504(inside: Httpd) -> None:
    assert inside.get("/timeout").status == 504
    inside.wait_log("RequestTimeout")


def test_request_data_and_active_requests(inside: Httpd) -> None:
    waiting = str(inside.data / "waiting")
    thread = threading.Thread(target=inside.get, args=("/wait?" + waiting,))
    thread.start()
    try:
        until(lambda: os.path.exists(waiting), "the other request runs")
        seen = ask(inside, "/data")
    finally:
        os.unlink(waiting)
        thread.join()
    assert seen["length"] == 2
    assert seen["active"].pop(seen["id"]) == {"begun": True, "seen": seen["id"]}
    assert list(seen["active"].values()) == [{"begun": True}]
    assert (seen["mine"], seen["contains"], len(seen["list"]), seen["get"]) == (True, True, 2, None)
    assert seen["repr"].startswith("{")
    assert seen["outside"] == ["no request runs on this thread"]


def test_nobody_listens_any_more(inside: Httpd) -> None:
    assert ask(inside, "/unsubscribed") == 2
    ask(inside, "/events")
    inside.get("/stream")
    assert ask(inside, "/events") == []


def test_shutdown_is_told_with_its_reason(serve: Callable[..., Httpd], mode: str) -> None:
    server = serve("inside.py")
    assert server.get("/data").status == 200
    server.stop()
    reason = "shutdown_signal" if mode == "daemon" else ""
    assert f"told of process_stopping: {{'shutdown_reason': '{reason}'}}" in server.log()


@pytest.mark.parametrize("mode", ["daemon"])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("maximum-requests=1", "maximum_requests"),
        ("restart-interval=1", "restart_interval"),
        ("", "script_reload"),
        ("", "eviction_signal"),
    ],
)
def test_shutdown_reasons(serve: Callable[..., Httpd], mode: str, options: str, reason: str) -> None:
    server = serve("inside.py", daemon=f"processes=1 threads=2 {options}")
    assert server.get("/data").status == 200
    if reason == "script_reload":
        os.utime(server.apps / "inside.py", (1, 1))
        server.get("/data")
    elif reason == "eviction_signal":
        os.kill(next(iter(server.daemon_pids())), signal.SIGUSR1)
    server.wait_log(f"told of process_stopping: {{'shutdown_reason': '{reason}'}}")


@pytest.mark.parametrize("mode", ["daemon"])
@pytest.mark.parametrize("group", ["%{GLOBAL}", "sub"])
def test_signals_reach_subscribers(serve: Callable[..., Httpd], mode: str, group: str) -> None:
    server = serve("inside.py", f"WSGIApplicationGroup {group}")
    pid = json.loads(server.get("/data").text)["pid"]
    for name in ("SIGHUP", "SIGUSR2"):
        os.kill(pid, getattr(signal, name))
        server.wait_log(f"told of process_signal: {{'signame': '{name}', 'signum': {getattr(signal, name)}}}")
    assert json.loads(server.get("/data").text)["pid"] == pid


@pytest.mark.parametrize("mode", ["embedded"])
def test_signals_are_apaches_in_embedded_mode(inside: Httpd, mode: str) -> None:
    inside.get("/data")
    inside.wait_log(r"\[wsgi:warn.*subscribe_signals\(\) does nothing in Apache's own processes")
    names = ("mod_wsgi.signal_callbacks", "mod_wsgi.shutdown_callbacks", "mod_wsgi.event_callbacks")
    assert ask(inside, "/attributes?" + ",".join(names)) == {
        "mod_wsgi.signal_callbacks": [],
        "mod_wsgi.shutdown_callbacks": ["function"],
        "mod_wsgi.event_callbacks": ["function", "function"],
    }


def test_a_callback_in_the_list_without_a_subscription(serve: Callable[..., Httpd]) -> None:
    """It is called; what nobody has asked to measure is 0."""
    server = serve("inside.py", start=False)
    (server.apps / "quiet").touch()
    server.start()
    assert ask(server, "/listen_directly") == 1
    assert server.get("/stream").complete
    finished = next(e for e in ask(server, "/events") if e["event"] == "request_finished" and e["status"] == 202)
    assert (finished["cpu_time"], finished["gil_wait_count"], finished["output_length"]) == (0, 0, 11)
    assert 0 <= finished["application_time"] < 60


@pytest.mark.parametrize("mode", ["embedded"])
def test_events_of_a_request_within_a_request(httpd: Callable[..., Httpd], mode: str) -> None:
    server = httpd(
        "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias /outer {apps}/outer.py\nWSGIScriptAlias / {apps}/inside.py\n"
        "<Location /outer>\nOptions +Includes\nSetOutputFilter INCLUDES\n</Location>\n",
        start=False,
    )
    server.app(
        "outer.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/html')])\n"
        "    yield b'before ' + b'<!--#include virtual=\"/stream\" -->' + b' after'\n",
    )
    server.start()
    ask(server, "/events")
    assert server.get("/outer").text == "before onetwothree after"
    status = [event["status"] for event in ask(server, "/events") if event["event"] == "request_finished"]
    assert sorted(status) == [200, 200, 202]  # the question, the outer one, the inner one
