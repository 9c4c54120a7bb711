# SPDX-License-Identifier: Apache-2.0
"""The site playbook on the stand-in for Solaris. Nothing here ran on Solaris itself."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator

import pytest
from testinfra.host import Host

FMRI = "svc:/application/mod_wsgi:site"
URL = "http://127.0.0.1:8000"
ROOT = "/opt/mod_wsgi/instances/site"
MANIFEST = f"{ROOT}.xml"
LOG = "/var/svc/log/application-mod_wsgi:site.log"
PATIENCE = 60
BLOCK = bytes(range(256)) * 32


def wait_for(what: Callable[[], bool], promise: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"not within {PATIENCE} s: {promise}"
        time.sleep(0.3)


def content(host: Host, path: str) -> str:
    """testinfra itself knows no files on a SunOS."""
    return host.check_output(f"cat {path}")


def state(host: Host) -> str:
    return host.check_output(f"svcs -H -o state {FMRI}")


def members(host: Host) -> dict[int, str]:
    """The processes of the instance."""
    return {int(pid): name for pid, name in re.findall(r"^ +(\d+) (\S+)", host.check_output(f"svcs -p {FMRI}"), re.M)}


def told(host: Host) -> dict:
    return json.loads(host.check_output(f"curl -fsS --max-time 10 {URL}/"))


def answers(host: Host) -> bool:
    return host.run(f"curl -fsS --max-time 5 -o /dev/null {URL}/").rc == 0


def digest(host: Host, path: str) -> str:
    return host.run(f"curl -fsS --max-time 20 {URL}{path} | sha256sum").stdout.split()[0]


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_a_second_run_touched_nothing(host: Host) -> None:
    """Must run before the tests that restart."""
    before = content(host, "/root/snapshot").splitlines()
    after = host.check_output("/root/snapshot.sh").splitlines()
    assert len([line for line in before if line.startswith("file /opt/mod_wsgi/")]) > 20
    changes = {"gone": sorted(set(before) - set(after)), "new": sorted(set(after) - set(before))}
    assert changes == {"gone": [], "new": []}


# -- the stand-in itself


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("os.writev(w, [b'x'] * 16)", "16"),
        ("os.writev(w, [b'x'] * 17)", "EINVAL"),
        ("a.sendmsg([b'x'] * 16)", "16"),
        ("a.sendmsg([b'x'] * 17)", "EMSGSIZE"),
        ("os.sysconf('SC_IOV_MAX')", "16"),
    ],
)
def test_the_stand_in_takes_16_blocks(host: Host, call: str, wanted: str) -> None:
    code = f"""import errno, os, socket
a, b = socket.socketpair(); r, w = os.pipe()
try: print({call})
except OSError as error: print(errno.errorcode[error.errno])"""
    assert host.check_output("python3 -c %s", code) == wanted


def test_the_stand_in_compiles_for_16_blocks(host: Host) -> None:
    source = "#define _GNU_SOURCE\\n#include <limits.h>\\nint check[IOV_MAX == 16 ? 1 : -1];\\n"
    host.check_output(f"printf '{source}' | gcc -xc -c -o /dev/null -")


def test_no_tool_of_debian_was_there_to_help(host: Host) -> None:
    for name in ("apt-get", "systemctl", "nologin"):
        assert host.run(f"command -v {name}").rc != 0
    assert host.check_output("uname -sr") == "SunOS 5.11"


# -- the service


def test_the_instance_is_online_and_starts_with_the_machine(host: Host) -> None:
    assert state(host) == "online"
    assert host.check_output(f"svcprop -p general/enabled {FMRI}") == "true"
    assert host.run("command -v pkg && pkg list web/server/apache-24").rc == 0


def test_the_application_runs_as_its_user_and_knows_nothing_of_smf(host: Host) -> None:
    found = told(host)
    assert found["uid"] == int(host.check_output("id -u mod_wsgi"))
    assert host.check_output("getent passwd mod_wsgi").endswith(":/usr/bin/false")
    assert found["mode"] != ""
    assert found["env"]["TOKEN"] == "secret-of-the-stand-in"
    assert [name for name in found["env"] if name.startswith("SMF_")] == []
    wait_for(lambda: "ticking" in content(host, "/var/log/mod_wsgi/site/ticker.log"), "the service's log")
    httpd = host.check_output(f"cat {ROOT}/httpd.pid")
    assert host.check_output(f"readlink /proc/{httpd}/exe") == "/usr/apache2/2.4/bin/httpd"


def test_the_secret_is_in_its_file_alone(host: Host) -> None:
    found = host.check_output(
        "grep -rlF secret-of-the-stand-in /opt/mod_wsgi /etc/svc /var/svc /var/log /system/volatile"
    )
    assert found.splitlines() == [f"{ROOT}.env"]
    assert host.check_output(f"stat -c %a {ROOT}.env") == "600"


def test_the_manifest_is_one_that_svccfg_takes(host: Host) -> None:
    host.check_output(f"svccfg validate {MANIFEST}")
    assert host.run("svccfg validate /etc/passwd").rc != 0


# -- 16 blocks


@pytest.mark.parametrize("count", [0, 7, 8, 15, 16, 17, 60, 90])
def test_many_request_fields(host: Host, count: int) -> None:
    fields = " ".join(f"-H 'X-Extra-{number}: value {number}'" for number in range(count))
    answer = json.loads(host.check_output(f"curl -fsS --max-time 10 {fields} {URL}/fields"))
    assert answer == {f"HTTP_X_EXTRA_{number}": f"value {number}" for number in range(count)}


def test_many_response_fields_and_pieces(host: Host) -> None:
    headers = host.check_output(f"curl -fsS --max-time 10 -o /dev/null -D - {URL}/answer")
    assert len(re.findall(r"^X-Field-\d+: value", headers, re.M)) == 90
    assert digest(host, "/pieces") == sha256(b"".join(b"piece %d\n" % number for number in range(100)))
    assert digest(host, "/vector") == sha256(BLOCK * 100)


def test_a_request_body(host: Host) -> None:
    host.check_output("head -c 300000 /dev/zero >/tmp/body")
    answer = host.check_output(f"curl -fsS --max-time 20 --data-binary @/tmp/body {URL}/body")
    assert answer == sha256(bytes(300000))


@pytest.fixture
def by_the_socket(host: Host) -> Iterator[None]:
    """No shared memory: what an application returns goes through the socket, as many blocks at a time as may be."""
    conf = f"{ROOT}/httpd.conf"
    host.check_output(f"cp -p {conf} /root/httpd.conf")
    host.check_output(f"sed -i 's/^\\( *WSGIDaemonProcess [^ ]*\\)/\\1 shared-buffer-size=0/' {conf}")
    host.check_output(f"svcadm restart -s {FMRI}")
    yield
    host.check_output(f"cp -p /root/httpd.conf {conf} && rm /root/httpd.conf && svcadm restart -s {FMRI}")


def test_a_vector_through_the_socket(host: Host, by_the_socket: None) -> None:
    assert digest(host, "/vector") == sha256(BLOCK * 100)


BUILD = """
import sys
sys.path[:0] = ["/opt/mod_wsgi/src/backend", "/opt/mod_wsgi/src"]
import build_backend
build_backend.build_wheel(".")
"""


@pytest.fixture
def unlimited(host: Host) -> Iterator[None]:
    """The module built so that it does not ask how many blocks the system takes, in the place of the other."""
    module = host.check_output(f"sed -n 's/^ *LoadModule wsgi_module //p' {ROOT}/httpd.conf").strip('"')
    host.check_output(
        "sh -c %s",
        f"""set -e
rm -rf /tmp/unlimited && mkdir /tmp/unlimited && cd /tmp/unlimited
CFLAGS='-O1 -DWIO_UNSLICED_FOR_TEST' PYTHONDONTWRITEBYTECODE=1 python3 -c '{BUILD}'
python3 -m zipfile -e *.whl wheel
cp -p {module} kept.so
cp "$(find wheel -name '*.so')" {module}.new && mv {module}.new {module}""",
    )
    yield
    host.check_output(f"cp -p /tmp/unlimited/kept.so {module}.new && mv {module}.new {module} && rm -rf /tmp/unlimited")


def test_a_module_that_believes_in_1024_fails_here(host: Host, unlimited: None, by_the_socket: None) -> None:
    """The negative control of the test above."""
    assert state(host) == "online"
    assert digest(host, "/pieces") == sha256(b"".join(b"piece %d\n" % number for number in range(100)))
    assert digest(host, "/vector") != sha256(BLOCK * 100)


# -- starts, ends and what goes wrong


def test_restart_and_refresh(host: Host) -> None:
    before = members(host)
    host.check_output(f"svcadm restart -s {FMRI}")
    assert answers(host)
    assert not set(before) & set(members(host))
    httpd = host.check_output(f"cat {ROOT}/httpd.pid")
    daemon = told(host)["pid"]
    host.check_output(f"svcadm refresh {FMRI}")
    wait_for(lambda: daemon not in members(host), "the daemon of before the refresh is gone")
    wait_for(lambda: answers(host), "an answer after svcadm refresh")
    assert host.check_output(f"cat {ROOT}/httpd.pid") == httpd
    assert state(host) == "online"


def test_a_killed_daemon_is_no_reason_to_restart_the_site(host: Host) -> None:
    httpd = host.check_output(f"cat {ROOT}/httpd.pid")
    victim = told(host)["pid"]
    host.check_output(f"kill -9 {victim}")
    wait_for(lambda: answers(host) and victim not in members(host), "another daemon")
    assert (host.check_output(f"cat {ROOT}/httpd.pid"), state(host)) == (httpd, "online")


def test_a_killed_server_is_started_again(host: Host) -> None:
    before = members(host)
    host.check_output(f"kill -9 {' '.join(map(str, before))}")
    wait_for(lambda: state(host) == "online" and answers(host) and not set(before) & set(members(host)), "a new server")
    assert "all processes in service exited" in content(host, LOG)


def test_stop_leaves_nothing_to_kill(host: Host) -> None:
    before = members(host)
    host.check_output(f"svcadm disable -s -t {FMRI}")
    assert state(host) == "disabled"
    assert [pid for pid in before if host.run(f"test -d /proc/{pid}").rc == 0] == []
    host.check_output(f"svcadm enable -s {FMRI}")
    assert answers(host)  # at once: the method is back when it serves
    assert "were killed" not in content(host, LOG)


def test_a_configuration_that_httpd_refuses_is_maintenance(host: Host) -> None:
    host.check_output(f"svcadm disable -s -t {FMRI} && cp -p {ROOT}/httpd.conf /root/httpd.conf")
    host.check_output(f"echo Nonsense >>{ROOT}/httpd.conf")
    try:
        done = host.run(f"svcadm enable -s {FMRI}")
        assert (done.rc, "maintenance" in done.stderr) == (3, True)
        assert state(host) == "maintenance"
        assert members(host) == {}
        assert content(host, LOG).rstrip().endswith('Method "start" exited with status 96. ]')
        assert host.run(f"svcadm enable -s {FMRI}").rc == 3  # until somebody looked
    finally:
        host.check_output(f"cp -p /root/httpd.conf {ROOT}/httpd.conf && rm /root/httpd.conf")
    host.check_output(f"svcadm clear {FMRI} && svcadm enable -s {FMRI}")
    assert answers(host)


def test_daemons_that_die_at_their_start_are_maintenance_after_three_tries(host: Host) -> None:
    script = "/opt/mod_wsgi/apps/site/current/code/site.wsgi"
    host.check_output(f"svcadm disable -s -t {FMRI} && cp -p {script} /root/site.wsgi")
    tries = content(host, LOG).count('Method "start" exited with status 1.')
    host.check_output(f"echo 'import os; os._exit(3)' >{script}")
    try:
        assert host.run(f"svcadm enable -s {FMRI}").rc == 3
        assert state(host) == "maintenance"
        assert content(host, LOG).count('Method "start" exited with status 1.') == tries + 3
    finally:
        host.check_output(f"cp -p /root/site.wsgi {script} && rm /root/site.wsgi")
    host.check_output(f"svcadm clear {FMRI} && svcadm enable -s {FMRI}")
    assert answers(host)
