# SPDX-License-Identifier: Apache-2.0
"""Every host of the scenario over podman:// (testinfra's own Ansible backend starts one `ansible` a command). What the
tests of several scenarios share lies beside this file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

sys.path.insert(0, str(Path(__file__).resolve().parent))
RUNNER = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])


@pytest.fixture(params=RUNNER.get_hosts("all"))
def host(request: pytest.FixtureRequest) -> Host:
    return testinfra.get_host(f"podman://{request.param}")


@pytest.fixture
def hostvars(host: Host) -> dict[str, Any]:
    return RUNNER.get_variables(host.backend.name)
