# SPDX-License-Identifier: Apache-2.0
"""What applications can learn of the server and of their process: mod_wsgi.server_metrics and its sisters."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.server import Httpd

Serve = Callable[..., Httpd]

SERVER = {
    *("server_limit", "thread_limit", "running_generation", "restart_time", "current_time", "running_time"),
    "processes",
}
PROCESS = {"process_num", "pid", "generation", "quiescing", "workers"}
WORKER = {
    *("thread_num", "generation", "status", "access_count", "bytes_served", "start_time", "stop_time", "last_used"),
    *("client", "request", "vhost"),
}


def call(server: Httpd, function: str) -> Any:
    response = server.get(f"/call?{function}")
    assert response.status == 200
    return json.loads(response.text)["answer"]


def shared_mappings(pid: int) -> list[str]:
    """The access rights of memory that the process shares with others."""
    lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
    return [line.split()[1] for line in lines if line.split()[1].endswith("s") and "/dev/zero" in line]


# --- mod_wsgi.server_metrics, WSGIServerMetrics, server-metrics ---


def metrics_on(mode: str) -> dict[str, str]:
    if mode == "embedded":
        return {"config": "WSGIServerMetrics On\nExtendedStatus On"}
    return {"config": "ExtendedStatus On", "daemon": "processes=1 threads=2 server-metrics=On"}


def test_server_metrics(serve: Serve, mode: str) -> None:
    server = serve("inside.py", **metrics_on(mode))
    metrics = call(server, "server_metrics")
    assert set(metrics) == SERVER
    assert (metrics["server_limit"], metrics["running_generation"]) == (5, 0)
    assert metrics["restart_time"] <= metrics["current_time"] <= time.time() + 1
    assert metrics["running_time"] == int(metrics["current_time"] - metrics["restart_time"])
    assert [process["process_num"] for process in metrics["processes"]] == list(range(5))
    alive = [process for process in metrics["processes"] if process["pid"]]
    assert {process["pid"] for process in alive} <= {p.pid for p in server.processes()}
    assert set(alive[0]) == PROCESS
    assert alive[0]["quiescing"] is False
    assert len(alive[0]["workers"]) == metrics["thread_limit"]
    workers = [worker for process in alive for worker in process["workers"]]
    assert set(workers[0]) == WORKER
    busy = [worker for worker in workers if worker["status"] == "W"]
    assert [worker["client"] for worker in busy] == ["127.0.0.1"]
    assert busy[0]["request"].startswith("GET /call?server_metrics")
    assert busy[0]["vhost"].startswith("localhost")
    assert {worker["status"] for worker in workers} <= set("._SRWKLDCGI")


def test_server_metrics_are_not_shown_unasked(serve: Serve) -> None:
    assert call(serve("inside.py"), "server_metrics") is None


@pytest.mark.parametrize("mode", ["daemon"])
def test_a_group_reads_the_scoreboard_only_when_it_may(httpd: Serve, mode: str) -> None:
    server = httpd(
        "WSGIDaemonProcess open server-metrics=On\nWSGIDaemonProcess closed server-metrics=off\n"
        "WSGIScriptAlias /open {apps}/inside.py process-group=open application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /closed {apps}/inside.py process-group=closed application-group=%{GLOBAL}\n"
    )
    answers = {}
    for round in range(2):
        for group in ("open", "closed"):
            answers[group] = json.loads(server.get(f"/{group}/call?server_metrics").text)
        assert answers["open"]["answer"]["running_generation"] == round
        assert answers["closed"]["answer"] is None
        assert shared_mappings(answers["open"]["pid"]).count("r--s") == 1
        assert shared_mappings(answers["closed"]["pid"]).count("r--s") == 0
        open_, closed = (len(shared_mappings(answers[group]["pid"])) for group in ("open", "closed"))
        assert open_ == closed + 1, "the scoreboard stayed in a process that may not read it"
        if round == 0:
            server.graceful()


def test_server_metrics_takes_on_or_off(httpd: Serve) -> None:
    status, output = httpd("WSGIDaemonProcess a server-metrics=perhaps", start=False).check()
    assert status != 0
    assert 'option "server-metrics" takes On or Off, not "perhaps"' in output


# --- mod_wsgi.process_metrics ---

PROCESS_METRICS = {
    *("pid", "request_count", "request_busy_time", "request_threads", "active_requests", "threads"),
    *("memory_rss", "memory_max_rss", "cpu_time", "cpu_user_time", "cpu_system_time"),
    *("restart_time", "current_time", "running_time"),
}


def test_process_metrics(serve: Serve) -> None:
    server = serve("inside.py")
    first = call(server, "process_metrics")
    assert set(first) == PROCESS_METRICS
    for _ in range(3):
        server.get("/stream")
    metrics = json.loads(server.get("/call?process_metrics").text)
    pid, metrics = metrics["pid"], metrics["answer"]
    assert metrics["pid"] == pid
    assert metrics["request_count"] == first["request_count"] + 4
    assert metrics["request_busy_time"] > first["request_busy_time"]
    assert metrics["active_requests"] == 1
    assert metrics["request_threads"] == len(metrics["threads"]) >= 1
    assert sum(thread["request_count"] for thread in metrics["threads"]) == metrics["request_count"]
    assert len({thread["thread_id"] for thread in metrics["threads"]}) == len(metrics["threads"])
    assert 1 << 20 < metrics["memory_rss"] < 1 << 30
    assert metrics["cpu_time"] == pytest.approx(metrics["cpu_user_time"] + metrics["cpu_system_time"])
    assert metrics["restart_time"] <= metrics["current_time"]


# --- mod_wsgi.start_recording_metrics, mod_wsgi.request_metrics ---

PHASES = ("server", "queue", "daemon", "application", "request", "input_read", "output_write", "gil_wait")
LISTS = ("completed", "buckets", "busy_time", "cpu_time", "current_elapsed", "max_duration")
REQUEST_METRICS = {
    *("pid", "start_time", "stop_time", "sample_period", "request_count", "request_throughput"),
    *("request_threads_maximum", "request_threads_started", "request_threads_active", "capacity_utilization"),
    *(f"request_threads_{name}" for name in LISTS),
    *(f"{phase}_time{suffix}" for phase in PHASES for suffix in ("", "_min_us", "_max_us", "_buckets")),
    *("gil_wait_count", "input_bytes", "input_reads", "output_bytes", "output_writes"),
    *(f"status_{digit}xx" for digit in range(1, 6)),
    *(f"cpu_{part}{kind}" for part in ("", "user_", "system_") for kind in ("utilization", "time")),
    *("memory_rss", "memory_max_rss"),
}


def test_request_metrics(serve: Serve, mode: str) -> None:
    server = serve("inside.py", daemon="processes=1 threads=4")
    assert call(server, "request_metrics") is None
    assert call(server, "start_recording_metrics") is None
    call(server, "request_metrics")
    for _ in range(3):
        assert server.get("/stream").complete
    server.get("/read", method="POST", body=b"x" * 1000)
    assert server.get("/fail").status == 500
    metrics = call(server, "request_metrics")
    assert set(metrics) == REQUEST_METRICS
    assert metrics["request_count"] == 6  # the question before this one is the first of them
    assert (metrics["status_2xx"], metrics["status_5xx"], metrics["status_4xx"]) == (5, 1, 0)
    assert (metrics["input_reads"], metrics["input_bytes"]) == (1, 1000)
    assert metrics["output_writes"] == 3 * 3 + 2
    assert metrics["output_bytes"] > 33
    assert metrics["sample_period"] == pytest.approx(metrics["stop_time"] - metrics["start_time"], abs=1e-5)
    assert metrics["request_throughput"] == pytest.approx(6 / metrics["sample_period"])
    assert metrics["gil_wait_count"] >= 6
    for phase in PHASES:
        count = 0 if mode == "embedded" and phase in ("queue", "daemon") else 6
        buckets = metrics[f"{phase}_time_buckets"]
        assert (len(buckets), sum(buckets)) == (65, count)
        mean, least, most = (metrics[f"{phase}_time{suffix}"] for suffix in ("", "_min_us", "_max_us"))
        assert (mean is None) == (least is None) == (most is None) == (count == 0)
        assert mean is None or least <= mean * 1e6 + 1 <= most + 2
    slots = metrics["request_threads_maximum"]
    assert slots == (4 if mode == "daemon" else 16)
    assert {len(metrics[f"request_threads_{name}"]) for name in LISTS} == {slots}
    assert sum(metrics["request_threads_completed"]) == 6
    assert 1 <= metrics["request_threads_active"] <= metrics["request_threads_started"] <= slots
    assert max(metrics["request_threads_current_elapsed"]) > 0
    assert 0 < metrics["capacity_utilization"] < 1
    again = call(server, "request_metrics")
    assert again["request_count"] == 1, "an interval was not drained"


def test_request_metrics_have_the_slow_ones_in_their_bucket(serve: Serve) -> None:
    server = serve("inside.py")
    call(server, "start_recording_metrics")
    call(server, "request_metrics")
    assert server.get("/sleep?0.1").status == 200
    buckets = call(server, "request_metrics")["application_time_buckets"]
    # 64 ms to 128 ms are buckets 24 to 27; a slow machine needs longer.
    assert sum(buckets[26:]) == 1
    assert sum(buckets) == 2
