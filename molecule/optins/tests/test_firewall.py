# SPDX-License-Identifier: Apache-2.0
"""Ports of firewalld and of ufw, each in force. The tests are one story: each begins where the one before it ended."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import runner
import testinfra
from conftest import RUNNER
from testinfra.host import Host

FIREWALLS = RUNNER.get_hosts("firewalld") + RUNNER.get_hosts("ufw")
OTHERS = {7000, 8083}  # opened before we came
# As in converge.yml.
INSTANCES: dict[str, dict[str, Any]] = {
    "shop": {"port": 8081},
    "blog": {"port": 8082},
    "wiki": {"port": 8084, "host": "127.0.0.1"},
}


def instances(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """`changes` has keys by the name of an instance."""
    return [{"name": name, **INSTANCES[name], **changes.get(name, {})} for name in INSTANCES]


def play(wanted: list[dict[str, Any]], *arguments: str, **variables: Any) -> str:
    return runner.run(Path(__file__).parents[1] / "converge.yml", *arguments, mod_wsgi_instances=wanted, **variables)


def host(name: str) -> Host:
    return testinfra.get_host(f"podman://{name}")


def listed(text: str) -> set[int]:
    found = re.findall(r"(\d+)(?:-(\d+))?/tcp", text)
    return {port for low, high in found for port in range(int(low), int(high or low) + 1)}


def opened(name: str) -> set[int]:
    """What is open; of firewalld it is the same as it runs and as it will be."""
    if name in RUNNER.get_hosts("ufw"):
        return listed(host(name).check_output("ufw show added"))
    running, kept = (
        listed(host(name).check_output(f"firewall-cmd {layer} --list-ports")) for layer in ("", "--permanent")
    )
    assert running == kept
    return running


def rules(name: str) -> list[str]:
    return host(name).check_output("/root/firewall.sh").splitlines()


def rules_before(name: str) -> list[str]:
    return host(name).file("/root/firewall.before").content_string.rstrip("\n").splitlines()


def reaches(name: str, port: int) -> bool:
    """Another machine, through the network."""
    other = next(each for each in FIREWALLS if each != name)
    return host(other).run(f"curl -fsS -o /dev/null --max-time 5 http://{name}:{port}/").rc == 0


@pytest.mark.parametrize("name", FIREWALLS)
def test_open_is_what_is_for_others(name: str) -> None:
    assert opened(name) == {*OTHERS, 8081, 8082}
    assert reaches(name, 8081)
    assert not reaches(name, 8084)
    assert host(name).check_output("stat -c '%a %U' /opt/mod_wsgi/policy.json") == "600 root"


@pytest.mark.parametrize("name", FIREWALLS)
def test_a_second_run_touched_nothing(name: str) -> None:
    before = set(host(name).file("/root/everything.snapshot").content_string.splitlines())
    units = [f"mod_wsgi-{unit}.service" for unit in ("shop", "blog", "wiki")]
    after = {line for unit in units for line in host(name).check_output(f"/root/snapshot.sh {unit}").splitlines()}
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}
    assert "file /opt/mod_wsgi/policy.json" in "\n".join(before)


def test_check_mode_says_what_the_run_then_does() -> None:
    """A port changes, and an instance goes."""
    wanted = instances(shop={"port": 8085}, blog={"state": "absent"})
    before = {name: rules(name) for name in FIREWALLS}
    foreseen = play(wanted, "--check", "--diff", mod_wsgi_uninstall_data=True)
    assert {name: rules(name) for name in FIREWALLS} == before
    done = play(wanted, "--diff", mod_wsgi_uninstall_data=True)
    lines = re.compile(r"^[+-] (?:open|close) port .*", re.MULTILINE)
    assert sorted(lines.findall(foreseen)) == sorted(lines.findall(done))
    assert len(lines.findall(done)) == 9  # one comes and two go; of firewalld as it runs and as it will be, of ufw once
    for name in FIREWALLS:
        assert opened(name) == {*OTHERS, 8085}
        assert reaches(name, 8085)


def test_all_is_closed_when_the_opt_in_is_off() -> None:
    wanted = instances(shop={"port": 8085}, wiki={"port": 8083, "host": "*"})
    play([each for each in wanted if each["name"] != "blog"], mod_wsgi_manage_firewall=False)
    for name in FIREWALLS:
        assert rules(name) == rules_before(name)
        assert not reaches(name, 8085)
        assert reaches(name, 8083)
        assert not host(name).file("/opt/mod_wsgi/policy.json").exists


def test_an_uninstall_leaves_what_was_there_before() -> None:
    wanted = instances(shop={"port": 8085}, wiki={"port": 8083, "host": "*"})
    play([each for each in wanted if each["name"] != "blog"])
    for name in FIREWALLS:
        assert opened(name) == {*OTHERS, 8085}
    runner.run("modwsgi.toolkit.uninstall", mod_wsgi_uninstall_confirm="all", mod_wsgi_uninstall_data=True)
    for name in FIREWALLS:
        assert rules(name) == rules_before(name)
        before = set(host(name).file("/root/everything.before").content_string.splitlines())
        after = set(host(name).check_output("/root/everything.sh").splitlines())
        assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}
