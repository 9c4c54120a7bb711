# SPDX-License-Identifier: Apache-2.0
"""What systemctl is asked, by a stand-in that writes it down. The real one works in the scenarios of molecule."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import ServerError
from ansible_collections.modwsgi.toolkit.plugins.module_utils.systemd import SystemdServer, SystemdUserServer
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import services

# The words that shall be answered with "no" stand in the file refuse, the state of the unit in the file state.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{here}/asked
case "$2" in
    --property=ActiveState) cat {here}/state ;;
    --property=MainPID) echo 0 ;;
esac
if grep -qsxF "$1" {here}/refuse; then
    echo "Job for $2 failed." >&2
    exit 1
fi
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs something on a server; returns what systemctl was asked, those words refused that are given."""
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(SYSTEMCTL.format(here=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    server = SystemdServer(str(tmp_path / "root"), "shop.service")
    monkeypatch.setattr(server, "wait_for_start", lambda said: None)

    def ask(what: str, *arguments: object, refuse: str = "", state: str = "active") -> tuple[object, list[str]]:
        """Without the questions about its properties."""
        (tmp_path / "asked").write_text("")
        (tmp_path / "state").write_text(state)
        (tmp_path / "refuse").write_text(refuse.replace(" ", "\n"))
        answer = getattr(server, what)(*arguments)
        return answer, [line for line in (tmp_path / "asked").read_text().splitlines() if not line.startswith("show ")]

    return ask


def test_start_and_stop(asked):
    assert asked("start")[1] == ["start shop.service"]
    assert asked("stop")[1] == ["stop shop.service"]
    assert asked("stop", state="activating")[1] == ["stop shop.service"]  # it waits for its next try
    assert asked("stop", state="inactive")[1] == []


def test_reload_needs_a_unit_that_runs(asked):
    assert asked("reload", "/venv/bin/python")[1] == ["reload shop.service"]
    assert asked("graceful")[1] == ["kill --kill-who=main --signal=USR1 shop.service"]
    for what in (["reload", "/venv/bin/python"], ["graceful"]):
        assert asked(*what, state="inactive")[1] == ["start shop.service"]


def test_with_the_machine(asked):
    assert asked("is_enabled")[0] is True
    assert asked("is_enabled", refuse="is-enabled")[0] is False
    assert asked("enable", True)[1] == ["enable shop.service"]
    assert asked("enable", False)[1] == ["disable shop.service"]
    assert asked("define")[1] == ["daemon-reload"]


def test_a_refusal_is_told(asked):
    with pytest.raises(ServerError, match=r"systemctl start shop\.service: Job for shop\.service failed"):
        asked("start", refuse="start")


def test_the_service_of_an_instance():
    assert services.describe("shop", "none", "/srv/shop") == {"manager": "none"}
    unit = {"manager": "systemd", "name": "mod_wsgi-shop.service", "file": "/etc/systemd/system/mod_wsgi-shop.service"}
    assert services.describe("shop", "systemd", "/srv/shop") == unit
    own = services.describe("shop", "systemd", "/srv/shop", "/home/joe/.config")
    assert own == {
        "manager": "systemd_user",
        "name": "mod_wsgi-shop.service",
        "file": "/home/joe/.config/systemd/user/mod_wsgi-shop.service",
    }


def test_only_processes_of_the_unit_are_signalled(asked, tmp_path):
    """Whatever the unit's user may have written into the list of its processes."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        asked("signal", [child.pid], signal.SIGTERM)
        assert child.poll() is None
    finally:
        child.kill()
        assert child.wait() == -signal.SIGKILL  # and not of SIGTERM


def test_one_user_asks_his_own_manager(asked, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    SystemdUserServer(str(tmp_path / "root"), "shop.service").define()
    assert (tmp_path / "asked").read_text() == "--user daemon-reload\n"
    assert os.environ["XDG_RUNTIME_DIR"] == f"/run/user/{os.getuid()}"
