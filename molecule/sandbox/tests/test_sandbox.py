# SPDX-License-Identifier: Apache-2.0
"""The sandbox was in force, and within it every functional test passed but for those of cannot_run.txt."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from testinfra.host import Host

# What of a unit makes its sandbox, for a comparison of all of it.
RESTRICTIONS = re.compile(
    "User|Group|UMask|NoNewPrivileges|LockPersonality|(?:CapabilityBounding|Ambient)|SystemCall|Restrict"
    "|Protect|Private|(?:ReadWrite|ReadOnly|Inaccessible|Exec|NoExec)Paths|Bind|TemporaryFileSystem|Root|Device|IPAddress"
)
CASE = re.compile(r"(\S+::\S+)  +(\S.*)")
MAY_PASS = "passed or "


def cannot_run() -> dict[str, str]:
    """The tests that the list exempts, and what is to come of them."""
    lines = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"], "cannot_run.txt").read_text().splitlines()
    found = [CASE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert all(found), "a line is a test, two spaces, and how its outcome begins"
    return {match[1]: match[2] for match in found if match}


def outcomes(report: str) -> dict[str, set[str]]:
    """What came of each test: "passed", or the first line of why not. All parameters of a test are one."""
    found: dict[str, set[str]] = {}
    for case in ElementTree.fromstring(report).iter("testcase"):
        name = f"{case.attrib['classname'].rpartition('.')[2]}.py::{case.attrib['name'].partition('[')[0]}"
        told = [child for child in case if child.tag in ("failure", "error", "skipped")]
        outcome = f"{told[0].tag}: {told[0].attrib.get('message', '').partition(chr(10))[0]}" if told else "passed"
        found.setdefault(name, set()).add(outcome)
    return found


@pytest.fixture
def results(host: Host) -> dict[str, set[str]]:
    return outcomes(host.check_output("cat /var/log/functional/all.xml"))


def restrictions(host: Host, unit: str) -> dict[str, str]:
    lines = host.check_output(f"systemctl show {unit}").splitlines()
    shown = dict(line.partition("=")[::2] for line in lines)
    return {key: value for key, value in shown.items() if RESTRICTIONS.match(key)}


def test_the_tests_had_the_restrictions_of_the_instance(host: Host) -> None:
    ours = restrictions(host, "mod_wsgi-lab.service")
    assert (ours["ProtectSystem"], ours["User"]) == ("strict", "mod_wsgi")
    assert "read" in ours["SystemCallFilter"].split()
    assert restrictions(host, "functional.service") == ours


def test_they_were_in_force(host: Host) -> None:
    """Outside of the sandbox a process of the same user may do all of it."""
    refused = json.loads(host.check_output("cat /var/log/functional/all.json"))
    command = "runuser -u mod_wsgi -- python3 /opt/functional/probe.py"
    allowed = json.loads(host.check_output(command))
    for action in ("scheduling", "priority", "personality", "name space"):
        assert (refused[action], allowed[action]) == ("Operation not permitted", "done"), action
    assert (refused["write outside"], allowed["write outside"]) == ("Read-only file system", "done")
    assert (refused["netlink"], allowed["netlink"]) == ("Address family not supported by protocol", "done")
    assert (refused["processes"], allowed["processes"]) == ([], ["1"])
    assert (refused["inet"], refused["write /tmp"]) == ("done", "done")
    assert {name: int(value, 16) for name, value in refused["status"].items()} == {
        **dict.fromkeys(("CapPrm", "CapEff", "CapBnd", "CapAmb"), 0),
        "NoNewPrivs": 1,
        "Seccomp": 2,
    }


def test_every_test_passes_that_is_not_listed(results: dict[str, set[str]]) -> None:
    assert len(results) > 400, "that is not the suite"
    listed = cannot_run()
    assert {name: told for name, told in results.items() if told != {"passed"} and name not in listed} == {}


def test_what_is_listed_ends_as_it_is_listed(results: dict[str, set[str]]) -> None:
    """Some of a test's parameters may pass, and not all, unless the list permits it."""
    wrong = {}
    for name, expected in cannot_run().items():
        told = results.get(name, set())
        others = told - {"passed"}
        may_pass = expected.startswith(MAY_PASS)
        if (
            not told
            or not (others or may_pass)
            or not all(one.startswith(expected.removeprefix(MAY_PASS)) for one in others)
        ):
            wrong[name] = told
    assert wrong == {}


def test_a_drop_in_permits_what_some_need(host: Host) -> None:
    """And nothing else: the rest is as it was in the sandbox."""
    results = outcomes(host.check_output("cat /var/log/functional/more.xml"))
    listed = [name for name in cannot_run() if name.startswith(("test_system_calls.py::", "test_limits.py::test_cpu_"))]
    assert len(listed) == 4
    assert [results[name] for name in listed] == [{"passed"}] * 4
    before, after = (json.loads(host.check_output(f"cat /var/log/functional/{name}.json")) for name in ("all", "more"))
    assert {key for key in before if before[key] != after[key]} == {"priority"}
