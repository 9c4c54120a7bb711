# SPDX-License-Identifier: Apache-2.0
"""Without any network: installed, served, and nothing compiled on the host that serves."""

from __future__ import annotations

import json
import os

import pytest
import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

RUNNER = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])


def only(group: str) -> Host:
    (name,) = RUNNER.get_hosts(group)
    return testinfra.get_host(f"podman://{name}")


@pytest.fixture
def server() -> Host:
    return only("mod_wsgi")


def test_there_is_no_network(server: Host) -> None:
    for host in (server, only("mod_wsgi_builders")):
        interfaces = host.check_output("ip -brief link").splitlines()
        assert [line.split()[0] for line in interfaces] == ["lo"]


def test_the_example_is_served_with_its_requirements(server: Host) -> None:
    told = json.loads(server.check_output("curl -fsS --max-time 20 http://127.0.0.1:8000/status"))
    assert told["mode"] == "daemon"
    installed = server.check_output("/opt/mod_wsgi/venvs/guestbook-*/bin/pip list --format=freeze")
    assert "Flask==" in installed


def test_the_builder_compiled_and_the_server_did_not(server: Host) -> None:
    assert server.run("find /opt/mod_wsgi -name 'job-*.log' -o -name src").stdout == ""
    logs = only("mod_wsgi_builders").check_output("find /opt/mod_wsgi/build -name 'job-*.log'").splitlines()
    assert len(logs) == 1


def test_what_is_served_is_what_was_built(server: Host) -> None:
    wheel = "cd /opt/mod_wsgi/wheelhouse && sha256sum */mod_wsgi-*.whl"
    assert server.check_output(wheel) == only("mod_wsgi_builders").check_output(wheel)
