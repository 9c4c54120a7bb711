# SPDX-License-Identifier: Apache-2.0
"""Two platforms, eight hosts: counted by what compiles leave on the hosts, and by the bytes of the wheels."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import testinfra
from testinfra.utils.ansible_runner import AnsibleRunner

HOSTS = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"]).get_hosts("mod_wsgi")
WHEELHOUSE = "/opt/mod_wsgi/wheelhouse"


def told(name: str, command: str) -> list[str]:
    return testinfra.get_host(f"podman://{name}").check_output(command).splitlines()


def platform(name: str) -> str:
    return "bookworm" if "compiles-b" in name else "trixie"


def test_eight_hosts() -> None:
    assert sorted(platform(name) for name in HOSTS) == ["bookworm"] * 4 + ["trixie"] * 4


def test_one_compile_for_each_platform() -> None:
    """A build leaves its log, whether it succeeded or not."""
    builds = defaultdict(list)
    for name in HOSTS:
        logs = told(name, "find /opt/mod_wsgi -name 'job-*.log'")
        modules = [log for log in logs if told(name, f"grep -c 'building for Python' {log} || true") != ["0"]]
        builds[platform(name)] += [(name, log) for log in modules]
    assert {key: len(found) for key, found in builds.items()} == {"bookworm": 1, "trixie": 1}, builds


def test_who_compiled_nothing_has_no_source_and_no_tools_of_a_build() -> None:
    builders = [name for name in HOSTS if told(name, "ls /opt/mod_wsgi") != ["wheelhouse"]]
    assert sorted(platform(name) for name in builders) == ["bookworm", "trixie"]


def test_all_hosts_of_a_platform_and_the_controller_have_the_same_wheels() -> None:
    found = defaultdict(set)
    for name in HOSTS:
        found[platform(name)].add("\n".join(sorted(told(name, f"cd {WHEELHOUSE} && sha256sum */*.whl"))))
    assert {key: len(wheels) for key, wheels in found.items()} == {"bookworm": 1, "trixie": 1}
    names = {line.split()[-1] for wheels in found.values() for line in next(iter(wheels)).splitlines()}
    # On bookworm httpd and module apart, so that a new module compiles no httpd.
    assert sum("mod_wsgi_httpd-" in name for name in names) == 1
    assert sum("/mod_wsgi-" in name for name in names) == 2
    shelf = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "wheelhouse")
    assert {str(path.relative_to(shelf)) for path in shelf.glob("*/*")} == names
