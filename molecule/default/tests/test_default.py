# SPDX-License-Identifier: Apache-2.0
"""What the gate promises on each image."""

from __future__ import annotations

from testinfra.host import Host


def test_systemd_is_pid_1(host: Host) -> None:
    assert host.check_output("systemctl is-system-running") == "running"
