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
