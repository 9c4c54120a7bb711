# SPDX-License-Identifier: Apache-2.0
"""WSGIDaemonList: a file that tells who serves."""

from __future__ import annotations

import json
import os
import signal
from typing import Any, Callable

from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]
CONFIG = """
WSGIDaemonList daemons.json
WSGIDaemonProcess 'a "b"' processes=2
WSGIDaemonProcess other
WSGIProcessGroup 'a "b"'
WSGIApplicationGroup %{GLOBAL}
WSGIScriptAlias / {apps}/responses.py
"""


def listed(server: Httpd) -> dict[str, Any]:
    path = server.root / "daemons.json"
    return json.loads(path.read_text()) if path.exists() else {"groups": {}}


def states(server: Httpd) -> list[str]:
    found = listed(server)["groups"].values()
    return sorted(daemon["state"] for seats in found for seat in seats for daemon in seat["daemons"])


def test_list_of_daemons(httpd: Make) -> None:
    server = httpd(CONFIG)
    until(lambda: states(server) == ["ready"] * 3, "three that are ready")
    found = listed(server)
    assert found["server"] == server.process.pid
    assert found["manager"] in {manager.pid for manager in server.managers()}
    assert {name: len(seats) for name, seats in found["groups"].items()} == {'a "b"': 2, "other": 1}
    pids = {daemon["pid"] for seats in found["groups"].values() for seat in seats for daemon in seat["daemons"]}
    assert pids == server.daemon_pids()
    before = found["groups"]["other"][0]["daemons"][0]["pid"]
    os.kill(before, signal.SIGUSR1)

    def replaced() -> bool:
        return [before] != [one["pid"] for one in listed(server)["groups"]["other"][0]["daemons"]]

    until(lambda: replaced() and states(server) == ["ready"] * 3, "another one in its place")
    server.graceful()
    old = (None, found["manager"])
    until(lambda: listed(server).get("manager") not in old and states(server) == ["ready"] * 3, "the new list")
    server.stop()
    assert not (server.root / "daemons.json").exists()


def test_a_list_that_cannot_be_written(httpd: Make) -> None:
    server = httpd(CONFIG.replace("daemons.json", "{apps}/none/daemons.json"))
    assert server.get("/pid").status == 200
    server.wait_log("MWS3012.*WSGIDaemonList: .*/none/daemons.json cannot be written")
