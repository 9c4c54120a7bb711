# SPDX-License-Identifier: Apache-2.0
"""One user serves an application, and root has no part in it."""

from __future__ import annotations

import json

from testinfra.host import Host

UNIT = "mod_wsgi-guestbook.service"
HOME = "/home/joe"
SHARE = f"{HOME}/.local/share/mod_wsgi"


def as_joe(host: Host, command: str) -> str:
    return host.check_output(f"runuser -u joe -- env XDG_RUNTIME_DIR=/run/user/$(id -u joe) {command}")


def test_it_serves_as_that_user(host: Host) -> None:
    told = json.loads(host.check_output("curl -fsS --max-time 10 http://127.0.0.1:8000/status"))
    assert told["uid"] == host.user("joe").uid
    assert told["mode"] == "daemon"


def test_every_process_is_that_users(host: Host) -> None:
    main = as_joe(host, f"systemctl --user show --property=MainPID --value {UNIT}")
    assert SHARE in host.check_output(f"cat /proc/{main}/cmdline").replace("\0", " ")
    servers = host.check_output("ps -eo user=,args= | grep -E '[h]ttpd|[a]pache2|[(]wsgi:' | cut -d ' ' -f 1").split()
    assert len(servers) > 2
    assert set(servers) == {"joe"}


def test_it_starts_with_the_users_manager(host: Host) -> None:
    assert as_joe(host, f"systemctl --user is-active {UNIT}") == "active"
    assert as_joe(host, f"systemctl --user is-enabled {UNIT}") == "enabled"


def test_it_reloads(host: Host) -> None:
    before = json.loads(host.check_output("curl -fsS --max-time 10 http://127.0.0.1:8000/status"))["pid"]
    as_joe(host, f"systemctl --user reload {UNIT}")
    assert json.loads(host.check_output("curl -fsS --max-time 10 http://127.0.0.1:8000/status"))["pid"] != before


def test_nothing_is_outside_of_the_home(host: Host) -> None:
    assert host.check_output("find /etc /opt /srv /usr/local /var -xdev -name '*mod_wsgi*'") == ""
    assert (
        host.check_output(
            f"find / -xdev -user joe ! -path '{HOME}*' ! -path '/proc/*' ! -path '/run/*' ! -path '/tmp/*'"
        )
        == ""
    )
    assert not host.group("mod_wsgi").exists


def test_its_secrets_are_its_own(host: Host) -> None:
    assert host.file(f"{SHARE}/instances/guestbook.env").mode == 0o600
    assert host.check_output(f"find {SHARE} -perm /o+w ! -type l ! -type s") == ""
