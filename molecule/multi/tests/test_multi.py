# SPDX-License-Identifier: Apache-2.0
"""Three instances on one host, two Pythons: each has its own Python, packages, environment, services and logs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import runner
from testinfra.host import Host

PORTS = {"debian": 8001, "opt": 8002, "second": 8003}
PYTHONS = {"debian": ([3, 11], "/usr"), "opt": ([3, 13], "/opt/python3.13"), "second": ([3, 13], "/opt/python3.13")}
TASKS = 40  # of a run that has nothing to do: each is a round trip to the host, whatever the number of instances
PATIENCE = 30  # seconds that a line of a log may take

each_instance = pytest.mark.parametrize("name", list(PORTS))


def wait_for(what: Callable[[], bool], promise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {promise}"
        time.sleep(0.3)


def told(host: Host, name: str) -> dict[str, Any]:
    return json.loads(host.check_output(f"curl -fsS --max-time 10 http://127.0.0.1:{PORTS[name]}/"))


def log(host: Host, name: str, file: str) -> str:
    return host.file(f"/var/log/mod_wsgi/{name}/{file}").content_string


def test_one_more_run_has_few_tasks(host: Host) -> None:
    output = runner.run(Path(__file__).parents[1] / "site.yml")
    assert re.search(r"changed=0 +unreachable=0 +failed=0", output), output
    recap = re.findall(r"\b(?:ok|skipped)=(\d+)", output)
    assert len(recap) == 2
    assert sum(map(int, recap)) <= TASKS, output


def test_a_second_run_touched_nothing(host: Host) -> None:
    before = set(host.file("/root/snapshot").content_string.splitlines())
    units = [f"mod_wsgi-{name}.service" for name in PORTS]
    after = {line for unit in units for line in host.check_output(f"/root/snapshot.sh {unit}").splitlines()}
    assert len([line for line in before if line.startswith("process ")]) >= 9
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}


def test_the_second_run_had_neither_compiler_nor_package_index(host: Host) -> None:
    assert host.run("cc --version").rc != 0
    python = host.check_output("ls -d /opt/mod_wsgi/venvs/debian-*/bin/python")
    wanted = host.run(f"{python} -m pip download --no-deps --dest /tmp/wanted itsdangerous")
    assert wanted.rc != 0
    assert "No matching distribution" in wanted.stderr


@each_instance
def test_each_is_served_by_its_python(host: Host, name: str) -> None:
    found = told(host, name)
    version, base = PYTHONS[name]
    assert found["python"] == version
    assert found["base_prefix"] == base
    assert found["prefix"].startswith("/opt/mod_wsgi/")
    library = f"libpython{version[0]}.{version[1]}.so.1.0"
    assert [path.rpartition("/")[2] for path in found["libraries"]] == [library]
    assert found["libraries"][0].startswith(f"{base}/lib/")


def test_a_module_each(host: Host) -> None:
    """Two instances of one Python share a wheel, and each has its own environment."""
    prefixes = [told(host, name)["prefix"] for name in PORTS]
    assert len(set(prefixes)) == 3
    wheels = host.check_output("find /opt/mod_wsgi -name 'mod_wsgi-*.whl' -printf '%f\\n'").split()
    assert len([wheel for wheel in wheels if "-cp311-" in wheel]) == 1
    assert len([wheel for wheel in wheels if "-cp313-" in wheel]) == 1


def test_their_packages_do_not_mix(host: Host) -> None:
    assert [told(host, name)["itsdangerous"] for name in PORTS] == ["2.1.2", "2.2.0", None]


def test_each_has_its_environment(host: Host) -> None:
    environments = {name: told(host, name)["env"] for name in PORTS}
    assert [environments[name]["COLOUR"] for name in PORTS] == ["light blue", "green", "red"]
    assert environments["debian"]["QUOTED"] == 'it\'s $HOME "and" `so`'
    assert [environments[name].get("TOKEN") for name in PORTS] == ["canary-debian", "canary-opt", None]
    assert all(found["MOD_WSGI_EXPRESS"] == "true" for found in environments.values())


def test_processes_are_as_many_as_asked_for(host: Host) -> None:
    assert {name: told(host, name)["multiprocess"] for name in PORTS} == {"debian": False, "opt": True, "second": False}
    pids = {told(host, "opt")["pid"] for _ in range(40)}
    assert len(pids) <= 2


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        ("debian", "worker.log", "worker (3, 11) light blue"),
        ("opt", "work.log", "worker (3, 13) green"),
        ("opt", "second.log", "worker (3, 13) green"),
    ],
)
def test_each_service_has_its_log_and_the_python_of_its_instance(host: Host, name: str, file: str, line: str) -> None:
    wait_for(lambda: line in log(host, name, file), f"{line} in {file} of {name}")


@each_instance
def test_each_has_logs_of_its_own(host: Host, name: str) -> None:
    mark = f"/mark-{name}"
    host.check_output(f"curl -fsS -o /dev/null --max-time 10 http://127.0.0.1:{PORTS[name]}{mark}")
    wait_for(lambda: mark in log(host, name, "access_log"), f"the request in the access log of {name}")
    assert all(mark not in log(host, other, "access_log") for other in PORTS if other != name)


def test_one_restarts_alone(host: Host) -> None:
    before = {name: told(host, name)["pid"] for name in ("debian", "second")}
    host.check_output("systemctl restart mod_wsgi-opt.service")
    wait_for(lambda: host.run("curl -fsS --max-time 5 http://127.0.0.1:8002/").rc == 0, "an answer after a restart")
    assert {name: told(host, name)["pid"] for name in before} == before
