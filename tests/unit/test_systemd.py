# SPDX-License-Identifier: Apache-2.0
"""What systemctl is asked, by a stand-in that writes it down. The real one works in the scenarios of molecule."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import ServerError
from ansible_collections.modwsgi.toolkit.plugins.module_utils.systemd import SystemdServer
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import services

# The words that shall be answered with "no" stand in the file refuse.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>{here}/asked
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

    def ask(what: str, *arguments: object, refuse: str = "") -> tuple[object, list[str]]:
        (tmp_path / "asked").write_text("")
        (tmp_path / "refuse").write_text(refuse.replace(" ", "\n"))
        return getattr(server, what)(*arguments), (tmp_path / "asked").read_text().splitlines()

    return ask


def test_start_and_stop(asked):
    assert asked("start")[1] == ["is-active --quiet shop.service", "start shop.service"]
    assert asked("stop")[1] == ["is-active --quiet shop.service", "stop shop.service"]
    assert asked("stop", refuse="is-active")[1] == ["is-active --quiet shop.service"]


def test_reload_needs_a_unit_that_runs(asked):
    assert asked("graceful")[1][-1] == "reload shop.service"
    assert asked("graceful", refuse="is-active")[1][-1] == "start shop.service"


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
