# SPDX-License-Identifier: Apache-2.0
"""A rolling update and the way back under load: nobody noticed but by the version."""

from __future__ import annotations

import fleet
import pytest


@pytest.fixture(scope="module")
def answers() -> list[dict]:
    return fleet.load()


def test_no_request_failed(answers: list[dict]) -> None:
    assert [answer for answer in answers if answer["failure"]] == []
    for balancer in ("haproxy", "apache"):
        assert len([answer for answer in answers if answer["balancer"] == balancer]) > 100


def test_requests_of_eight_seconds_were_among_them(answers: list[dict]) -> None:
    slow = [answer for answer in answers if answer["slow"]]
    assert {answer["balancer"] for answer in slow} == {"haproxy", "apache"}
    assert len(slow) >= 8


@pytest.fixture(scope="module")
def served(answers: list[dict]) -> list[dict]:
    return [answer for answer in answers if not answer["failure"]]


def test_code_and_requirements_came_together(served: list[dict]) -> None:
    assert {(answer["version"], answer["six"]) for answer in served} == {("1", "1.16.0"), ("2", "1.17.0")}


def test_every_host_served_both(served: list[dict]) -> None:
    names = {host.backend.name for host in fleet.hosts("mod_wsgi")}
    for version in ("1", "2"):
        assert {answer["host"] for answer in served if answer["version"] == version} == names


def test_the_first_release_is_back_and_the_second_still_there() -> None:
    for host in fleet.hosts("mod_wsgi"):
        assert fleet.served(host)["version"] == "1"
        assert fleet.releases(host) == ["1", "2"]


def test_no_host_was_left_out_of_a_balancer() -> None:
    haproxy, apache = fleet.states()
    assert haproxy == ["UP"] * 3
    assert len(apache) == 3
    assert all("Ok" in status and "Drn" not in status for status in apache)
