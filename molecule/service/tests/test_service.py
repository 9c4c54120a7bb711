# SPDX-License-Identifier: Apache-2.0
"""Who runs, what the sandbox refuses, and that a secret is in its file and nowhere else."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import audit
import pytest
from testinfra.host import Host

PORTS = {"shop": 8101, "admin": 8102}
ROOT = "/opt/mod_wsgi/instances"
CANARY = "canary-5e1f09"
PATIENCE = 20  # seconds that a program may take to listen
ODD = 'it\'s "odd" \\ $HOME %h `id`\nand has a second line'


def ask(host: Host, name: str, query: str = "") -> dict[str, Any]:
    return json.loads(host.check_output(f"curl -fsS --max-time 10 'http://127.0.0.1:{PORTS[name]}/?{query}'"))


def unit(name: str) -> str:
    return f"mod_wsgi-{name}.service"


def shown(host: Host, name: str, key: str) -> str:
    return host.check_output(f"systemctl show --property={key} --value {unit(name)}")


def users(host: Host, name: str) -> set[str]:
    pids = host.check_output(f"cat /sys/fs/cgroup{shown(host, name, 'ControlGroup')}/cgroup.procs").split()
    return set(host.check_output(f"ps -o user= -p {','.join(pids)}").split())


def exposure(host: Host, name: str) -> float:
    said = host.run(f"systemd-analyze security --offline=true --no-pager /etc/systemd/system/{unit(name)}").stdout
    return float(re.findall(r"Overall exposure level for \S+: ([0-9.]+)", said)[0])


def test_nobody_is_root_when_nobody_needs_to(host: Host) -> None:
    assert ask(host, "shop")["uid"] == host.user("mod_wsgi").uid
    assert users(host, "shop") == {"mod_wsgi"}
    status = host.check_output(f"cat /proc/{shown(host, 'shop', 'MainPID')}/status")
    assert re.findall(r"^(?:CapPrm|CapEff|CapBnd|CapAmb):\s*(\S+)", status, re.MULTILINE) == ["0" * 16] * 4
    assert re.findall(r"^NoNewPrivs:\s*1$", status, re.MULTILINE)
    assert exposure(host, "shop") <= 1.5


def test_a_service_of_another_user_needs_root(host: Host) -> None:
    assert ask(host, "admin")["uid"] == host.user("mod_wsgi").uid
    assert users(host, "admin") == {"root", "mod_wsgi", "nobody"}
    assert f"worker runs as {host.user('nobody').uid}" in host.file("/var/log/mod_wsgi/admin/worker.log").content_string
    assert exposure(host, "admin") <= 2.5


@pytest.mark.parametrize("name", list(PORTS))
def test_the_sandbox_is_in_force(host: Host, name: str) -> None:
    """Every one of these the permissions of files would allow."""
    assert ask(host, name, "/srv/open/refused")["write"] == "Read-only file system"
    assert ask(host, name, "/var/tmp/private")["write"] == "written"
    assert not host.file("/var/tmp/private").exists
    assert ask(host, name, f"{ask(host, name)['data']}/kept")["write"] == "written"
    assert host.file(f"/var/lib/mod_wsgi/{name}/kept").user == "mod_wsgi"


@pytest.mark.parametrize(
    "path", ["/opt/mod_wsgi/apps/shop/current/code/shop.py", f"{ROOT}/shop/httpd.conf", f"{ROOT}/shop/handler.wsgi"]
)
def test_its_own_code_and_configuration_are_closed_to_it(host: Host, path: str) -> None:
    assert ask(host, "shop", path)["write"] in ("Read-only file system", "Permission denied")


def test_a_value_arrives_as_it_was_written(host: Host) -> None:
    told = ask(host, "shop")
    assert told["odd"] == ODD
    assert told["secret"] == len(CANARY)
    assert ask(host, "admin")["secret"] == 0


def test_a_credential_is_for_the_application_alone(host: Host) -> None:
    """The second one is encrypted on the disk."""
    assert ask(host, "shop")["credentials"] == ["key of the shop", "key of the safe"]
    assert ask(host, "admin")["credentials"] == ["", ""]
    assert "key of the safe" not in host.file("/etc/shop.sealed").content_string
    for name in ("key", "sealed"):
        credential = f"/run/credentials/mod_wsgi-shop.service/{name}"
        assert host.run(f"test -f {credential}").rc == 0
        assert host.run(f"runuser -u nobody -- cat {credential}").rc != 0


def test_R20_a_secret_is_in_its_file_alone(host: Host) -> None:
    env_file = host.file(f"{ROOT}/shop.env")
    assert (env_file.user, env_file.mode) == ("root", 0o600)
    assert audit.traces(host, CANARY) == [f"{ROOT}/shop.env"]


def test_R20_a_secret_that_got_out_is_found(host: Host) -> None:
    """The same search, for another word that was left wherever it looks."""
    word = "planted-81d3"
    name = f"{word}.service"
    try:
        host.check_output(
            f"echo {word} >/var/tmp/told; echo {word} | systemd-cat; "
            f"systemd-run --quiet --unit={name} --uid={audit.STRANGER} --setenv=TOKEN={word} "
            f"sh -c 'sleep 600; :' {word}"
        )
        pid = host.check_output(f"systemctl show --property=MainPID --value {name}")
        found = audit.traces(host, word)
    finally:
        host.run(f"systemctl stop {name}; rm -f /var/tmp/told")
    wanted = {"/var/tmp/told", f"/run/systemd/transient/{name}", f"/proc/{pid}/cmdline", f"/proc/{pid}/environ"}
    assert wanted | {"journal", "systemd"} <= set(found)


def test_R20_nothing_of_it_stays_on_the_controller() -> None:
    kept = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
    log = kept / "ansible.log"
    assert "shop: action=stop_start" in log.read_text()
    assert list((kept / "facts").iterdir())
    assert [
        str(path) for path in kept.rglob("*") if path.is_file() and CANARY in path.read_text(errors="replace")
    ] == []


def test_R21_nothing_of_ours_is_open_to_others(host: Host) -> None:
    assert audit.faults(host, set(PORTS.values())) == set()


# What is done wrong, how it is undone, and how the audit calls it.
WRONG = {
    "touch /opt/mod_wsgi/open; chmod 666 /opt/mod_wsgi/open": "for everybody to write: /opt/mod_wsgi/open",
    "install -o mod_wsgi /dev/null /opt/mod_wsgi/open": "not root's: /opt/mod_wsgi/open",
    "install -m 644 /dev/null /var/lib/mod_wsgi/shop/open": "for others to read: /var/lib/mod_wsgi/shop/open",
    "install -m 4755 /bin/true /opt/mod_wsgi/open": "runs as another: /opt/mod_wsgi/open",
    "install -o mod_wsgi /dev/null /tmp/open": "in a shared directory: /tmp/open",
    "touch /dev/shm/open-wsgi": "in a shared directory: /dev/shm/open-wsgi",
    "runuser -u mod_wsgi -- ipcmk --shmem 64": "shared memory: ",
    "systemd-run --quiet --unit=open --uid=mod_wsgi python3 -m http.server --bind 127.0.0.1 8199": "listens: 8199",
    "systemd-run --quiet --unit=open --uid=mod_wsgi --property=RuntimeDirectory=mod_wsgi-open --property=UMask=0 "
    'python3 -c \'import socket, time; s = socket.socket(socket.AF_UNIX); s.bind("/run/mod_wsgi-open/socket"); '
    "s.listen(); time.sleep(600)'": "a socket for strangers: /run/mod_wsgi-open/socket",
}
RIGHT = (
    "systemctl stop open.service; runuser -u mod_wsgi -- ipcrm --all; "
    "rm -f /opt/mod_wsgi/open /var/lib/mod_wsgi/shop/open /tmp/open /dev/shm/open-wsgi"
)


@pytest.mark.parametrize("wrong", list(WRONG))
def test_R21_what_is_open_is_found(host: Host, wrong: str) -> None:
    try:
        host.check_output(wrong)
        deadline = time.monotonic() + PATIENCE
        while not any(told.startswith(WRONG[wrong]) for told in audit.faults(host, set(PORTS.values()))):
            assert time.monotonic() < deadline, "it was not found"
    finally:
        host.run(RIGHT)


def test_logs_are_rotated_by_what_the_role_installed(host: Host) -> None:
    assert host.package("apache2-utils").is_installed
    lines = host.check_output("ps -o args= -C rotatelogs").splitlines()
    assert [line for line in lines if "/var/log/mod_wsgi/shop/error_log" in line]
    assert [line for line in lines if "/var/log/mod_wsgi/shop/" not in line] == []


def test_a_version_that_does_not_load_changes_nothing(host: Host) -> None:
    script = "/opt/mod_wsgi/apps/shop/current/code/shop.py"
    before = ask(host, "shop")["pid"]
    host.check_output(f"cp -p {script} /root/shop.py && echo 'raise RuntimeError' >>{script}")
    try:
        assert host.run(f"systemctl reload {unit('shop')}").rc != 0
        assert ask(host, "shop")["pid"] == before
        assert "the new version does not load" in host.check_output(f"journalctl --no-pager --unit {unit('shop')}")
    finally:
        host.check_output(f"cp -p /root/shop.py {script}")
    host.check_output(f"systemctl reload {unit('shop')}")
    assert ask(host, "shop")["pid"] != before
    assert users(host, "shop") == {"mod_wsgi"}


def test_an_absent_instance_is_gone_and_its_data_kept(host: Host) -> None:
    for path in (f"{ROOT}/old", f"{ROOT}/old.env", f"{ROOT}/old.state", "/opt/mod_wsgi/apps/old"):
        assert not host.file(path).exists, path
    assert not host.file(f"/etc/systemd/system/{unit('old')}").exists
    assert host.check_output("ss -Hltn 'sport = :8103'") == ""
    assert [line for line in host.check_output("ls /opt/mod_wsgi/venvs").split() if line.startswith("old-")] == []
    assert host.file("/var/lib/mod_wsgi/old").is_directory
    assert host.file("/var/log/mod_wsgi/old").is_directory
    assert host.check_output("ls /opt/mod_wsgi/kept") == "old"
    for name in PORTS:
        assert host.service(unit(name)).is_running
        assert host.service(unit(name)).is_enabled
