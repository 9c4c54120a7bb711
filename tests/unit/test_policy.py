# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_policy: opens what is wanted and closed, closes what it opened itself and nobody wants, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_policy
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import policy

FAKES = Path(__file__).with_name("firewalls.py")


class Host:
    """With the firewalls that are installed on it."""

    def __init__(self, run_module, tmp_path: Path) -> None:
        self.run, self.tmp, self.record = run_module, tmp_path, tmp_path / "policy.json"
        (tmp_path / "bin").mkdir()

    def install(self, name: str, **state: Any) -> None:
        program = self.tmp / "bin" / name
        program.write_text(f"#!{sys.executable}\n" + FAKES.read_text())
        program.chmod(0o755)
        self.put(name, **state)

    def put(self, name: str, **state: Any) -> None:
        file = self.tmp / f"{name}.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, **state}))

    def get(self, name: str) -> dict[str, Any]:
        return json.loads((self.tmp / f"{name}.json").read_text())

    def want(self, check: bool = False, **ports: int):
        wanted = [{"instance": name, "port": port} for name, port in ports.items()]
        return self.run(mod_wsgi_policy, check=check, record=str(self.record), firewall=wanted)

    def absent(self, *instances: str, check: bool = False):
        return self.run(
            mod_wsgi_policy, check=check, record=str(self.record), state="absent", instances=list(instances)
        )

    @property
    def opened(self) -> tuple[list[int], list[int]]:
        """As it runs, and as it will be, in the default zone."""
        state = self.get("firewall-cmd")
        return sorted(state["runtime"].get(state["zone"], [])), sorted(state["permanent"].get(state["zone"], []))

    @property
    def rules(self) -> list[str]:
        return list(self.get("ufw")["rules"].values())


@pytest.fixture
def bare(run_module, tmp_path: Path, monkeypatch) -> Host:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Host(run_module, tmp_path)


@pytest.fixture
def host(bare: Host) -> Host:
    bare.install("firewall-cmd", running=True, zone="public", runtime={}, permanent={})
    return bare


@pytest.fixture
def ufw(bare: Host) -> Host:
    bare.install("ufw", running=True, rules={})
    return bare


def test_opened_as_it_runs_and_for_good(host):
    told = host.want(shop=8080)
    assert told["changed"]
    assert told["made"] == [
        "open port 8080/tcp in firewalld (public, permanent)",
        "open port 8080/tcp in firewalld (public, runtime)",
    ]
    assert told["diff"]["prepared"].startswith("+ open port 8080/tcp")
    assert host.opened == ([8080], [8080])
    assert host.record.stat().st_mode & 0o777 == 0o600


def test_a_second_run_changes_nothing(host):
    host.want(shop=8080, blog=8081)
    before = os.stat(host.record)
    host.put("firewall-cmd", calls=[])
    assert not host.want(blog=8081, shop=8080)["changed"]
    assert os.stat(host.record).st_mtime_ns == before.st_mtime_ns
    assert not [call for call in host.get("firewall-cmd")["calls"] if "add" in call or "remove" in call]


def test_check_mode_says_it_and_does_nothing(host):
    told = host.want(check=True, shop=8080)
    assert told["changed"]
    assert host.opened == ([], [])
    assert not host.record.exists()
    host.want(shop=8080)
    assert host.absent(check=True)["taken_back"]
    assert host.opened == ([8080], [8080])


def test_a_port_that_changes(host):
    host.want(shop=8080)
    told = host.want(shop=9090)
    assert len(told["made"]) == len(told["taken_back"]) == 2
    assert host.opened == ([9090], [9090])


def test_what_was_open_before_stays_open(host):
    host.put("firewall-cmd", runtime={"public": [8080]}, permanent={"public": [*range(8000, 8101)]})
    assert not host.want(shop=8080)["changed"]
    host.want()
    assert host.opened == ([8080], [*range(8000, 8101)])


def test_what_was_open_until_the_next_start_only(host):
    host.put("firewall-cmd", runtime={"public": [8080]})
    host.want(shop=8080)
    assert host.opened == ([8080], [8080])
    host.want()
    assert host.opened == ([8080], [])


def test_neighbours_that_are_one_range_are_ours_each(host):
    host.want(shop=8080, blog=8081)
    host.want(blog=8081)
    assert host.opened == ([8081], [8081])
    host.want()
    assert host.opened == ([], [])


def test_no_hole_in_a_range_that_another_made_since(host):
    host.want(shop=8080)
    host.put("firewall-cmd", runtime={"public": [*range(8000, 8101)]}, permanent={"public": [*range(8000, 8101)]})
    assert host.want()["taken_back"] == []
    assert host.opened == ([*range(8000, 8101)], [*range(8000, 8101)])
    assert not host.record.exists()


def test_another_default_zone(host):
    host.want(shop=8080)
    host.put("firewall-cmd", zone="dmz")
    host.want(shop=8080)
    assert host.opened == ([8080], [8080])
    assert host.get("firewall-cmd")["permanent"]["public"] == []


def test_what_somebody_closed_is_opened_again(host):
    host.want(shop=8080)
    host.put("firewall-cmd", runtime={})
    assert len(host.want(shop=8080)["made"]) == 1
    host.want()
    assert host.opened == ([], [])


def test_an_interrupted_run_is_taken_up(host, monkeypatch):
    monkeypatch.setattr(mod_wsgi_policy.firewall.Firewalld, "open", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(BaseException):  # noqa: B017, PT011  # however it ends
        host.want(shop=8080)
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(host.tmp / "bin"))
    host.put("firewall-cmd", runtime={"public": [8080]})  # as far as it came
    host.want()
    assert host.opened == ([], [])


def test_only_what_no_other_instance_wants_goes_with_one(host):
    wanted = [{"instance": "shop", "port": 80}, {"instance": "blog", "port": 80}, {"instance": "blog", "port": 443}]
    host.run(mod_wsgi_policy, record=str(host.record), firewall=wanted)
    host.absent("blog")
    assert host.opened == ([80], [80])
    host.absent()
    assert host.opened == ([], [])
    assert not host.record.exists()
    assert not host.absent()["changed"]


def test_ufw(ufw):
    assert ufw.want(shop=8080)["made"] == ["open port 8080/tcp in ufw"]
    assert ufw.rules == ["allow 8080/tcp comment 'mod_wsgi'"]
    assert not ufw.want(shop=8080)["changed"]
    ufw.want(shop=9090)
    assert ufw.rules == ["allow 9090/tcp comment 'mod_wsgi'"]
    ufw.absent()
    assert ufw.rules == []


def test_rules_of_others_stay(ufw):
    rules = {"8080/tcp": "allow 8080/tcp", "8081/tcp": "limit 8081/tcp", "22/tcp": "allow 22/tcp comment 'ssh'"}
    ufw.put("ufw", rules=rules)
    assert not ufw.want(shop=8080, blog=8081)["changed"]
    ufw.want()
    assert ufw.get("ufw")["rules"] == rules


def test_a_rule_that_says_otherwise_is_not_replaced(ufw):
    ufw.put("ufw", rules={"8080/tcp": "deny 8080/tcp"})
    told = ufw.want(shop=8080)
    assert told.failed
    assert "ufw delete deny 8080/tcp" in told["msg"]
    assert ufw.rules == ["deny 8080/tcp"]


def test_no_firewall_at_all(bare):
    told = bare.want(check=True, shop=8080)
    assert told.failed
    assert "neither firewalld nor ufw" in told["msg"]
    assert "8080" in told["msg"]


def test_without_anything_to_open_none_is_asked_for(bare):
    assert not bare.want()["changed"]
    assert not bare.absent("shop")["changed"]


def test_one_that_does_not_run_is_told_and_not_started(ufw):
    ufw.put("ufw", running=False)
    with mock.patch.object(AnsibleModule, "warn") as warn:  # where a warning goes depends on who imports what
        assert not ufw.want(shop=8080)["changed"]
    assert "8080 was not opened" in warn.call_args.args[0]
    assert ufw.rules == []
    assert not ufw.get("ufw")["running"]


def test_what_is_recorded_outlives_a_stop_of_the_firewall(host):
    host.want(shop=8080)
    host.put("firewall-cmd", running=False)
    assert not host.want(shop=8080)["changed"]
    told = host.want(shop=9090)
    assert told.failed
    assert "Start firewalld" in told["msg"]
    host.put("firewall-cmd", running=True)
    host.absent()
    assert host.opened == ([], [])


def test_a_record_that_cannot_be_read(host):
    host.record.write_text("{")
    told = host.want(shop=8080)
    assert told.failed
    assert str(host.record) in told["msg"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host):
    assert policy.is_loopback(host)


@pytest.mark.parametrize("host", [None, "0.0.0.0", "::", "10.0.0.1", "shop.example.net"])
def test_beyond_loopback(host):
    assert not policy.is_loopback(host)
