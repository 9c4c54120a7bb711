# SPDX-License-Identifier: Apache-2.0
"""Three hosts serve one release, and both balancers use all of them."""

from __future__ import annotations

import json

import fleet
import pytest


def test_each_host_serves_the_release_with_its_requirements() -> None:
    for host in fleet.hosts("mod_wsgi"):
        told = fleet.served(host)
        assert (told["version"], told["six"], told["host"]) == ("1", "1.16.0", host.backend.name)
        assert fleet.releases(host) == ["1"]
        assert host.file(f"{fleet.APPLICATION}/current").linked_to == f"{fleet.APPLICATION}/releases/1"


def test_the_application_may_not_change_its_release() -> None:
    host = fleet.hosts("mod_wsgi")[0]
    for path in ("", "/releases", "/releases/1", "/releases/1/code"):
        directory = host.file(fleet.APPLICATION + path)
        assert (directory.user, directory.group, directory.mode) == ("root", "mod_wsgi", 0o750), path


@pytest.mark.parametrize("url", ["http://127.0.0.1:8100/", "http://127.0.0.1/"])
def test_a_balancer_uses_all_three(url: str) -> None:
    answers = [json.loads(fleet.balancer().check_output(f"curl -fsS --max-time 10 {url}")) for _ in range(12)]
    assert {answer["host"] for answer in answers} == {host.backend.name for host in fleet.hosts("mod_wsgi")}


def test_both_consider_all_usable() -> None:
    haproxy, apache = fleet.states()
    assert haproxy == ["UP"] * 3
    assert len(apache) == 3
    assert all("Ok" in status for status in apache)
