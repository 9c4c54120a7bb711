# SPDX-License-Identifier: Apache-2.0
"""The site playbook on a real Solaris or illumos, where MOD_WSGI_SOLARIS_HOST names one."""

from __future__ import annotations

import json
import os

import pytest
import testinfra
from testinfra.host import Host

FMRI = "svc:/application/mod_wsgi:guestbook"
STATUS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8000/status', timeout=10).read().decode())"


@pytest.fixture(scope="module")
def machine() -> Host:
    name = os.environ.get("MOD_WSGI_SOLARIS_HOST")
    if not name:
        pytest.skip("MOD_WSGI_SOLARIS_HOST is not set: nothing was tried on Solaris or illumos")
    return testinfra.get_host(f"ssh://{name}")


def told(machine: Host) -> dict:
    return json.loads(machine.check_output("python3 -c %s", STATUS))


def test_it_is_online_and_answers_in_daemon_mode(machine: Host) -> None:
    assert machine.check_output("uname -s") == "SunOS"
    assert machine.check_output(f"svcs -H -o state {FMRI}") == "online"
    assert told(machine)["mode"] == "daemon"


def test_a_killed_daemon_is_no_reason_to_restart_the_site(machine: Host) -> None:
    httpd = machine.check_output("cat /opt/mod_wsgi/instances/guestbook/httpd.pid")
    victim = told(machine)["pid"]
    machine.check_output(f"kill -9 {victim}")
    assert told(machine)["pid"] != victim
    assert machine.check_output("cat /opt/mod_wsgi/instances/guestbook/httpd.pid") == httpd


def test_start_is_back_when_it_serves(machine: Host) -> None:
    machine.check_output(f"svcadm disable -s -t {FMRI}")
    machine.check_output(f"svcadm enable -s {FMRI}")
    assert told(machine)["mode"] == "daemon"
