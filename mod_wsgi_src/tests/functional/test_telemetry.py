# SPDX-License-Identifier: Apache-2.0
"""What processes tell a collector: WSGITelemetryService, WSGISlowRequests, WSGITelemetryOptions."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.server import Httpd
from harness.waiting import until

Serve = Callable[..., Httpd]
COMMON = {"kind", "version", "pid", "process_group", "time"}
SLOW = COMMON | {"event", "request_id", "method", "path", "status", "elapsed"}


class Collector:
    """Hears everything that is sent to its socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        path.chmod(0o666)
        self.heard: list[dict[str, Any]] = []

    def all(self, kind: str, event: str | None = None) -> list[dict[str, Any]]:
        while True:
            try:
                self.heard.append(json.loads(self.socket.recv(1 << 20)))
            except BlockingIOError:
                break
        return [told for told in self.heard if told["kind"] == kind and event in (None, told.get("event"))]

    def wait(self, kind: str, event: str | None = None) -> dict[str, Any]:
        return until(lambda: self.all(kind, event), f"{kind} {event} is told: {self.heard}")[0]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with tempfile.TemporaryDirectory(prefix="wsgi-") as name:
        directory = Path(name)
        directory.chmod(0o755)  # the servers' users must get there
        collector = Collector(directory / "socket")
        yield collector
        collector.socket.close()


def test_a_process_tells_what_it_does(serve: Serve, mode: str, collector: Collector) -> None:
    server = serve("inside.py", f"WSGITelemetryService unix:{collector.path} interval=0.5")
    pid = json.loads(server.get("/data").text)["pid"]
    for _ in range(4):
        assert server.get("/stream").complete
    start = collector.wait("process", "start")
    assert set(start) == COMMON | {"event"}
    assert start["process_group"] == ("app" if mode == "daemon" else "")
    assert start["version"] == 1
    until(lambda: sum(s["request_count"] for s in collector.all("sample")) == 5, "all requests are told")
    samples = collector.all("sample")
    assert {sample["pid"] for sample in samples} == {pid}
    assert sum(sample["status_2xx"] for sample in samples) == 5
    assert sum(sample["output_writes"] for sample in samples) == 13
    busy = next(sample for sample in samples if sample["request_count"])
    assert sum(busy["application_time_buckets"]) == busy["request_count"]
    assert ("queue_time" in busy) == (mode == "daemon")
    assert busy["capacity_utilization"] > 0
    assert busy["memory_rss"] > 1 << 20
    assert json.loads(server.get("/call?request_metrics").text)["answer"] is None
    server.stop()
    assert [told["reason"] for told in collector.all("process", "stop")] == (
        ["shutdown_signal"] if mode == "daemon" else [""]
    )
    assert len(collector.all("process", "draining")) == (mode == "daemon")


@pytest.mark.parametrize("agent", [False, True])
def test_slow_requests(serve: Serve, mode: str, collector: Collector, agent: bool) -> None:
    options = "WSGITelemetryOptions +CaptureUserAgent" if agent else ""
    server = serve(
        "inside.py", f"WSGITelemetryService unix:{collector.path} interval=0.5\nWSGISlowRequests 0.05\n{options}"
    )
    server.get("/data")
    waiting = str(server.data / "waiting")
    request = threading.Thread(
        target=server.get, args=(f"/wait/?{waiting}", {"User-Agent": 'a "quoted" \\ agent \xe9'}), daemon=True
    )
    request.start()
    try:
        running = collector.wait("slow_request", "running")
    finally:
        until(lambda: os.path.exists(waiting), "the request runs")
        os.unlink(waiting)
        request.join()
    finished = collector.wait("slow_request", "finished")
    for told in (running, finished):
        assert set(told) == SLOW | ({"user_agent"} if agent else set())
        assert (told["method"], told["path"]) == ("GET", "/wait/")
        assert told.get("user_agent", "") == ('a "quoted" \\ agent \xe9' if agent else "")
    assert running["request_id"] == finished["request_id"] != ""
    assert 0.05 <= running["elapsed"] <= finished["elapsed"]
    assert (running["status"], finished["status"]) == (0, 200)
    assert len(collector.all("slow_request")) == 2


def test_a_collector_that_is_not_there_is_told_once(serve: Serve) -> None:
    server = serve("inside.py", "WSGITelemetryService unix:/nonexistent/socket interval=0.5")
    assert server.get("/data").status == 200
    server.wait_log("telemetry cannot be sent to '/nonexistent/socket'")
    server.stop()
    pids = {line.split("[pid ")[1].split(":")[0] for line in server.log().splitlines() if "telemetry cannot" in line}
    assert server.log().count("telemetry cannot be sent") == len(pids)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("WSGITelemetryService udp:127.0.0.1:99", "the collector is given as unix:/path"),
        ("WSGITelemetryService unix:/" + "x" * 200, "has at most"),
        ("WSGITelemetryService unix:/tmp/x interval=0.1", "the option is interval=SECONDS, from 0.5 on"),
        ("WSGITelemetryService unix:/tmp/x often", "the option is interval=SECONDS"),
        ("WSGISlowRequests soon", "must be a number of seconds"),
        ("WSGITelemetryOptions CaptureAll", '"CaptureAll" is no flag'),
        ("WSGITelemetryOptions +CaptureUserAgent All", "cannot be mixed"),
        ("WSGITelemetryOptions", "no flag is given"),
        ("<VirtualHost *>\nWSGISlowRequests 1\n</VirtualHost>", "cannot occur within <VirtualHost>"),
    ],
)
def test_wrong_values(httpd: Serve, line: str, told: str) -> None:
    status, output = httpd(line, start=False).check()
    assert status != 0
    assert told in output


@pytest.mark.parametrize("line", ["WSGITelemetryOptions All", "WSGITelemetryOptions None", "WSGISlowRequests 0"])
def test_right_values(httpd: Serve, line: str) -> None:
    assert httpd(line, start=False).check()[0] == 0


def test_slow_requests_that_nobody_hears_of(httpd: Serve) -> None:
    told = "WSGISlowRequests has no effect without WSGITelemetryService"
    assert told in httpd("WSGISlowRequests 1", start=False).check()[1]
    assert told not in httpd("WSGISlowRequests 1\nWSGITelemetryService unix:/tmp/x", start=False).check()[1]
