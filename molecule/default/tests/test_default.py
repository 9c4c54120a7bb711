# SPDX-License-Identifier: Apache-2.0
"""What the site playbook promises on a real machine with systemd."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

UNIT = "mod_wsgi-guestbook.service"
URL = "http://127.0.0.1:8000"
USER = "mod_wsgi"
LOGS = "/var/log/mod_wsgi/guestbook"
SERVER_ROOT = "/opt/mod_wsgi/instances/guestbook"
PATIENCE = 30  # seconds that a start, a stop or a line in a log may take


def wait_for(what: Callable[[], bool], promise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {promise}"
        time.sleep(0.3)


def status(host: Host) -> dict[str, object]:
    return json.loads(host.check_output(f"curl -fsS --max-time 10 {URL}/status"))


def answers(host: Host) -> bool:
    return host.run(f"curl -fsS --max-time 5 {URL}/status").rc == 0


def processes(host: Host) -> dict[int, str]:
    """The unit's processes and their users."""
    group = host.check_output(f"systemctl show --property=ControlGroup --value {UNIT}")
    pids = host.check_output(f"cat /sys/fs/cgroup{group}/cgroup.procs").split()
    lines = host.check_output(f"ps -o pid=,user= -p {','.join(pids)}").splitlines()
    return {int(pid): user for pid, user in (line.split() for line in lines)}


def main_pid(host: Host) -> int:
    return int(host.check_output(f"systemctl show --property=MainPID --value {UNIT}"))


def test_a_second_run_touched_nothing(host: Host) -> None:
    """Converge ran twice: same processes, same files with the same times. Must run before the tests that restart."""
    before = host.file("/root/snapshot").content_string.splitlines()
    after = host.check_output(f"/root/snapshot.sh {UNIT}").splitlines()
    assert len([line for line in before if line.startswith("file /opt/mod_wsgi/")]) > 20
    assert any(line.startswith("process ") for line in before)
    changes = {"gone": sorted(set(before) - set(after)), "new": sorted(set(after) - set(before))}
    assert changes == {"gone": [], "new": []}


def test_the_unit_runs_and_starts_with_the_machine(host: Host) -> None:
    service = host.service(UNIT)
    assert service.is_running
    assert service.is_enabled
    assert host.check_output("systemctl is-system-running") == "running"


def test_our_module_answers_in_daemon_mode(host: Host) -> None:
    told = status(host)
    assert told["MOD_WSGI_EXPRESS"] == "true"
    assert told["mode"] == "daemon"
    assert told["uid"] == host.user(USER).uid
    assert processes(host)[told["pid"]] == USER
    module = host.check_output(f"sed -n 's/^ *LoadModule wsgi_module //p' {SERVER_ROOT}/httpd.conf").strip('"')
    assert host.file(f"{module.rpartition('/server/')[0]}/TOOLKIT").exists
    # Named through the link to the release that is served, and mapped as what the link led to.
    assert host.check_output(f"readlink -f {module}") in host.check_output(f"cat /proc/{main_pid(host)}/maps")


def test_the_right_httpd_runs(host: Host) -> None:
    """The bundled one on bookworm, found by nothing but its own directory; the distribution's on trixie."""
    # Root in a container has no right to look at the processes of others; their user has.
    program = host.check_output(f"runuser -u {USER} -- readlink /proc/{main_pid(host)}/exe")
    if "bookworm" not in host.backend.name:
        assert program == "/usr/sbin/apache2"
        return
    assert program.startswith("/opt/mod_wsgi/venvs/guestbook-")
    run_path = host.check_output(f"readelf --dynamic {program} | grep -E 'RUNPATH|RPATH'")
    assert "$ORIGIN/../lib" in run_path
    assert "/tmp" not in run_path


def test_nobody_has_any_right_beyond_others(host: Host) -> None:
    users = processes(host)
    assert main_pid(host) in users
    assert set(users.values()) == {USER}
    for pid in users:
        status = host.check_output(f"cat /proc/{pid}/status")
        assert "NoNewPrivs:\t1" in status
        assert re.findall(r"^(?:CapPrm|CapEff|CapBnd|CapAmb):\s*(\S+)", status, re.MULTILINE) == ["0" * 16] * 4


def test_R19_the_unit_is_as_closed_as_it_can_be(host: Host) -> None:
    command = f"systemd-analyze security --offline=true --threshold=15 --no-pager /etc/systemd/system/{UNIT}"
    assert host.run(command).rc == 0


def test_it_listens_on_loopback_only(host: Host) -> None:
    assert host.check_output("ss -Hltn 'sport = :8000' | awk '{print $4}'") == "127.0.0.1:8000"


def test_the_service_writes_its_log(host: Host) -> None:
    log = host.file(f"{LOGS}/tally.log")
    wait_for(lambda: "notes=" in log.content_string, "a line of the service script in its own log")
    assert "MOD_WSGI_EXPRESS=true" in log.content_string


def test_files_are_no_wider_than_needed(host: Host) -> None:
    application = host.file("/opt/mod_wsgi/apps/guestbook")
    assert (application.user, application.group, application.mode) == ("root", USER, 0o750)
    data = host.file("/var/lib/mod_wsgi/guestbook")
    assert (data.user, data.group, data.mode) == (USER, USER, 0o750)
    assert host.file("/opt/mod_wsgi/instances/guestbook.env").mode & 0o007 == 0
    assert host.file(LOGS).mode == 0o750
    writable = host.check_output(f"find /opt/mod_wsgi \\( -perm /o+w -o -user {USER} \\) ! -type l ! -type s")
    assert writable.split() == []


def test_notes_survive_a_restart(host: Host) -> None:
    host.check_output(f"curl -fsS -o /dev/null --max-time 10 -d author=molecule -d text=remember {URL}/")
    before, old = status(host), main_pid(host)
    host.check_output(f"systemctl restart {UNIT}")
    wait_for(lambda: answers(host), "an answer after systemctl restart")
    after = status(host)
    assert main_pid(host) != old
    assert after["pid"] != before["pid"]
    assert after["notes"] == before["notes"] > 0
    assert host.service(UNIT).is_running


def test_a_reload_keeps_the_parent(host: Host) -> None:
    old, daemon = main_pid(host), status(host)["pid"]
    host.check_output(f"systemctl reload {UNIT}")
    wait_for(lambda: daemon not in processes(host), "the daemon of before the reload is gone")
    wait_for(lambda: answers(host), "an answer after systemctl reload")
    assert main_pid(host) == old


def test_a_killed_daemon_is_replaced(host: Host) -> None:
    victim = status(host)["pid"]
    host.check_output(f"kill -9 {victim}")
    wait_for(lambda: answers(host), "an answer after a daemon was killed")
    assert victim not in processes(host)
    assert host.service(UNIT).is_running


def test_stop_leaves_nothing(host: Host) -> None:
    pids = processes(host)
    host.check_output(f"systemctl stop {UNIT}")
    try:
        assert [pid for pid in pids if host.run(f"test -d /proc/{pid}").rc == 0] == []
        assert host.check_output("ss -Hltn 'sport = :8000'") == ""
        assert host.check_output(f"systemctl show --property=Result --value {UNIT}") == "success"
    finally:
        host.check_output(f"systemctl start {UNIT}")
    wait_for(lambda: answers(host), "an answer after systemctl start")


def test_the_journal_has_no_refusals(host: Host) -> None:
    """What the unit forbids is nothing that the server needs."""
    journal = host.check_output(f"journalctl --no-pager --unit {UNIT}")
    for word in ("Operation not permitted", "Permission denied", "Read-only file system", "core-dump"):
        assert word not in journal
    if host.run(f"test -f {LOGS}/error_log").rc == 0:
        errors = host.check_output(f"cat {LOGS}/error_log")
        assert "Operation not permitted" not in errors
        assert "Permission denied" not in errors


@pytest.mark.parametrize("package", ["apache2"])
def test_no_package_that_starts_a_server(host: Host, package: str) -> None:
    assert not host.package(package).is_installed
