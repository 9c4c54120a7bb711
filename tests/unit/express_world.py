# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the command and the server, for the tests of the module mod_wsgi_express."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import ServerError
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_express

EXPRESS = """#!{python}
import json, pathlib, sys
here = pathlib.Path({here!r})
command, request = sys.argv[3], json.load(sys.stdin)
with open(here / "calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], request]) + "\\n")
answer = json.loads((here / "answer").read_text())
if "error" in answer:
    sys.exit("mod_wsgi-express " + command + ": " + answer["error"])
if command == "plan":
    print(json.dumps(answer))
else:
    for file in answer["files"]:
        pathlib.Path(file["path"]).parent.mkdir(exist_ok=True)
        pathlib.Path(file["path"]).write_text("new")
"""


class FakeServer:
    """Remembers what it was told; `running` and `broken` are set by the test."""

    running: int | None = None
    broken = False
    enabled: bool | None = None  # as without a service manager
    told: list[str] = []
    signals: list[tuple[tuple[int, ...], str]] = []

    def __init__(self, root: str, service: str) -> None:
        self.root, self.service = root, service

    def pid(self) -> int | None:
        return type(self).running

    def restart(self) -> None:
        self.told.append("restart")
        if type(self).broken:
            type(self).broken = False  # the old configuration starts again
            raise ServerError("it does not start")
        type(self).running = 4711

    def graceful(self) -> None:
        self.told.append("graceful")

    def reload(self, python: str) -> None:
        self.told.append("reload")
        if type(self).broken:
            raise ServerError("the new version does not load, the old one serves on")

    def signal(self, pids: list[int], number: signal.Signals) -> None:
        self.signals.append((tuple(pids), number.name))

    def stop(self) -> None:
        self.told.append("stop")
        type(self).running = None

    def is_enabled(self) -> bool | None:
        return type(self).enabled

    def enable(self, wanted: bool) -> None:
        self.told.append("enable" if wanted else "disable")
        type(self).enabled = wanted

    def define(self) -> None:
        if self.service:
            self.told.append(f"define {self.service}")


@pytest.fixture
def world(tmp_path: Path, run_module, monkeypatch):
    root = tmp_path / "instances" / "shop"
    signals: list[tuple[tuple[int, ...], str]] = []
    python = tmp_path / "python"
    python.write_text(EXPRESS.format(python=sys.executable, here=str(tmp_path)))
    python.chmod(0o755)
    server = type("Server", (FakeServer,), {"told": [], "signals": signals})
    monkeypatch.setattr(mod_wsgi_express, "SERVERS", {"none": server, "systemd": server})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    class World:
        def __init__(self) -> None:
            self.root, self.server, self.signals, self.port = root, server, signals, free
            self.env = tmp_path / "instances" / "shop.env"
            self.state = tmp_path / "instances" / "shop.state"

        def plan(self, action: str = "none", state: str = "same", **more: object) -> None:
            file = {"path": str(root / "httpd.conf"), "state": state, "diff": "- a\n+ b\n" if state != "same" else ""}
            daemons = {"main": [11, 12], "service:mail": [13]}
            answer = {"files": [file], "action": action, "reasons": [], "services": [], "daemons": daemons, **more}
            (tmp_path / "answer").write_text(json.dumps(answer))

        def error(self, text: str) -> None:
            (tmp_path / "answer").write_text(json.dumps({"error": text}))

        def calls(self) -> list[str]:
            return [json.loads(line)[0][2] for line in (tmp_path / "calls").read_text().splitlines()]

        def run(self, check: bool = False, **more: object):
            args = {
                "name": "shop",
                "server_root": str(root),
                "python": str(python),
                "options": {"port": self.port, "host": "127.0.0.1"},
                "env_file": str(self.env),
                "env_content": "export A=1\n",
                "release": "one",
                **more,
            }
            return run_module(mod_wsgi_express, check=check, **args)

        def installed(self) -> None:
            """The state after a first, good run."""
            self.plan("stop_start", "create")
            assert self.run()["changed"] is True
            self.server.told.clear()
            self.plan()

    return World()
