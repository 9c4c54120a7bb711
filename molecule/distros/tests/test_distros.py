# SPDX-License-Identifier: Apache-2.0
"""The example application on the Python and the httpd of each Debian."""

from __future__ import annotations

import json
import time

from testinfra.host import Host

UNIT = "mod_wsgi-guestbook.service"
URL = "http://127.0.0.1:8000"
PYTHONS = {"bullseye": "3.9", "bookworm": "3.11", "trixie": "3.13"}  # sid changes its own
PATIENCE = 30  # seconds that a restart may take


def status(host: Host) -> dict[str, object]:
    return json.loads(host.check_output(f"curl -fsS --max-time 10 {URL}/status"))


def test_a_second_run_touched_nothing(host: Host) -> None:
    before = set(host.file("/root/snapshot").content_string.splitlines())
    after = set(host.check_output(f"/root/snapshot.sh {UNIT}").splitlines())
    assert len([line for line in before if line.startswith("file /opt/mod_wsgi/")]) > 20
    assert {"gone": sorted(before - after), "new": sorted(after - before)} == {"gone": [], "new": []}


def test_it_is_served_by_the_python_of_the_system(host: Host) -> None:
    told = status(host)
    assert (told["MOD_WSGI_EXPRESS"], told["mode"]) == ("true", "daemon")
    assert told["uid"] == host.user("mod_wsgi").uid
    assert told["python"] == host.check_output(
        "/usr/bin/python3 -c 'import platform; print(platform.python_version())'"
    )
    wanted = [version for suite, version in PYTHONS.items() if suite in host.backend.name]
    assert all(str(told["python"]).startswith(f"{version}.") for version in wanted)


def test_it_is_served_by_the_httpd_of_the_system(host: Host) -> None:
    pid = host.check_output(f"systemctl show --property=MainPID --value {UNIT}")
    # Root in a container has no right to look at the processes of others; their user has.
    assert host.check_output(f"runuser -u mod_wsgi -- readlink /proc/{pid}/exe") == "/usr/sbin/apache2"


def test_it_survives_a_restart(host: Host) -> None:
    host.check_output(f"curl -fsS -o /dev/null --max-time 10 -d text=remember {URL}/")
    before = status(host)
    host.check_output(f"systemctl restart {UNIT}")
    deadline = time.monotonic() + PATIENCE
    while host.run(f"curl -fsS --max-time 5 {URL}/status").rc != 0:
        assert time.monotonic() < deadline, f"no answer within {PATIENCE} s after a restart"
        time.sleep(0.3)
    after = status(host)
    assert after["pid"] != before["pid"]
    assert after["notes"] == before["notes"]
    assert host.service(UNIT).is_enabled


def test_the_unit_had_no_complaint(host: Host) -> None:
    """Neither of systemd, about lines of the unit that it does not know, nor about something that the unit forbids."""
    lines = host.check_output(f"journalctl --no-pager --unit {UNIT}").splitlines()
    # The cgroup of a container may be one whose kernel counts no processes.
    lines = [line for line in lines if "Failed to read pids.max for control group" not in line]
    for word in ("Unknown", "Operation not permitted", "Permission denied", "Read-only file system", "Failed"):
        assert [line for line in lines if word in line] == []
