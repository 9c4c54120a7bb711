# SPDX-License-Identifier: Apache-2.0
"""What `import apache` and `import mod_wsgi` tell about the server and the process."""

from __future__ import annotations

import json
import os
import re
from typing import Any, Callable

import pytest
from harness.server import Httpd


def facts(server: Httpd) -> dict[str, Any]:
    response = server.get("/")
    assert response.status == 200
    return json.loads(response.body)


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_the_server(serve: Callable[..., Httpd], mpm: str) -> None:
    server = serve("modules.py", mpm=mpm)
    seen = facts(server)
    _, told = server.run("-v")
    assert seen["apache.description"].split()[0] in told
    assert seen["apache.build_date"] in told
    assert ".".join(map(str, seen["apache.version"])) in told
    assert seen["apache.mpm_name"] == mpm
    for name in ("maximum_processes", "threads_per_process"):
        assert seen[f"apache.{name}"] == seen[f"mod_wsgi.{name}"]


def test_limits_of_a_daemon_group(httpd: Callable[..., Httpd]) -> None:
    config = 'WSGIDaemonProcess d processes=2 threads=3\nWSGIProcessGroup d\nWSGIScriptAlias / "{apps}/modules.py"\n'
    server = httpd(config)
    seen = facts(server)
    assert (seen["apache.maximum_processes"], seen["apache.threads_per_process"]) == (2, 3)
    assert (seen["mod_wsgi.process_group"], seen["mod_wsgi.application_group"]) == ("d", f"localhost:{server.port}|")


def test_limits_of_embedded_mode(httpd: Callable[..., Httpd]) -> None:
    seen = facts(httpd('WSGIScriptAlias / "{apps}/modules.py"\n', children=1, threads=4))
    assert seen["apache.threads_per_process"] == 4
    assert seen["mod_wsgi.maximum_processes"] >= 1
    assert seen["mod_wsgi.version"] == [4, 4, 11]
    assert seen["mod_wsgi.process_group"] == ""
    assert seen["mod_wsgi.FileWrapper"] is True


def test_process_metrics(serve: Callable[..., Httpd]) -> None:
    server = serve("modules.py")
    first, second = (facts(server)["mod_wsgi.process_metrics"] for _ in range(2))
    if first["pid"] == second["pid"]:
        assert second["request_count"] > first["request_count"]
        assert second["running_time"] >= first["running_time"]
    assert second["pid"] in {process.pid for process in server.processes()}
    assert second["memory_max_rss"] >= second["memory_rss"] // 2 > os.sysconf("SC_PAGESIZE")
    assert second["cpu_user_time"] + second["cpu_system_time"] > 0
    assert second["current_time"] - second["restart_time"] == pytest.approx(second["running_time"])
    assert second["request_busy_time"] >= 0
    assert re.fullmatch(r"\d{10}\.\d+", repr(second["restart_time"]))
