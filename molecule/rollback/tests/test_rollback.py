# SPDX-License-Identifier: Apache-2.0
"""A release that does not work reached one host, and that one serves the old release again."""

from __future__ import annotations

import os
from pathlib import Path

import fleet
import pytest


def test_no_client_saw_it() -> None:
    answers = fleet.load()
    assert len(answers) > 50
    assert [answer for answer in answers if answer["failure"]] == []
    assert {answer["version"] for answer in answers} == {"1"}


def test_every_host_serves_the_old_release() -> None:
    for host in fleet.hosts("mod_wsgi"):
        told = fleet.served(host)
        assert (told["version"], told["six"]) == ("1", "1.16.0")
        assert host.file(f"{fleet.APPLICATION}/current").linked_to == f"{fleet.APPLICATION}/releases/1"


def test_it_was_tried_on_one_host_only() -> None:
    """A staged release has an environment only when it was switched to."""
    tried = [host for host in fleet.hosts("mod_wsgi") if host.file(f"{fleet.APPLICATION}/releases/bad/venv").exists]
    assert len(tried) == 1
    assert [fleet.releases(host) for host in fleet.hosts("mod_wsgi")] == [["1", "bad"]] * 3


@pytest.mark.parametrize("file", ["rolled.txt", "again.txt"])
def test_the_play_said_so(file: str) -> None:
    """Both times: the second began with the link on the release that does not work."""
    said = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], file).read_text()
    first = fleet.hosts("mod_wsgi")[0].backend.name
    assert f"{first} serves what it served before, and later hosts were not touched" in " ".join(said.split())
    assert "is not healthy" in " ".join(said.split())


def test_no_host_was_left_out_of_a_balancer() -> None:
    haproxy, apache = fleet.states()
    assert haproxy == ["UP"] * 3
    assert len(apache) == 3
    assert all("Ok" in status and "Drn" not in status for status in apache)
