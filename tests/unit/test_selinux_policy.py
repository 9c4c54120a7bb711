# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_policy: rules of SELinux that are wanted are made, those that it made and nobody wants are taken back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_policy
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import instances, policy

TOOLS = Path(__file__).with_name("selinux_tools.py")
LAYOUT = instances.Layout(
    "system", "/opt/m", "/var/log/m", "/var/lib/m", "/usr/bin/python3", "web", "web", "", "systemd"
)
DIRECTORIES = {"home": "/opt/m", "log_dir": "/var/log/m", "data_dir": "/var/lib/m"}


class Host:
    def __init__(self, run_module, tmp_path: Path) -> None:
        self.run, self.tmp, self.record = run_module, tmp_path, tmp_path / "policy.json"
        self.home = tmp_path / "home"
        (self.home / "venvs").mkdir(parents=True)
        (self.home / "venvs" / "a.so").touch()
        (tmp_path / "bin").mkdir()
        for name in ("getenforce", "restorecon", "semanage"):
            program = tmp_path / "bin" / name
            program.write_text(f"#!{sys.executable}\n" + TOOLS.read_text())
            program.chmod(0o755)
        self.put(mode="Enforcing", contexts=[], ports={}, types={})

    def put(self, **state: Any) -> None:
        file = self.tmp / "selinux.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps({**known, **state}))

    def get(self, name: str) -> Any:
        return json.loads((self.tmp / "selinux.json").read_text())[name]

    def want(self, *names: str, check: bool = False, ports: tuple[int, ...] = ()):
        rules = [(f"{self.home}(/.*)?", "httpd_sys_content_t"), (rf"{self.home}/.*\.so", "httpd_modules_t")]
        contexts = [
            {"instance": name, "path": path, "type": wanted, "directory": str(self.home)}
            for name in names
            for path, wanted in rules
        ]
        labels = [{"instance": name, "port": port} for name in names for port in ports]
        wanted = {"contexts": contexts, "ports": labels}
        return self.run(mod_wsgi_policy, check=check, record=str(self.record), selinux=wanted)

    def absent(self, *names: str):
        return self.run(mod_wsgi_policy, record=str(self.record), state="absent", instances=list(names))

    @property
    def types(self) -> list[str]:
        return [self.get("types").get(str(path)) for path in (self.home, self.home / "venvs" / "a.so")]


@pytest.fixture
def host(run_module, tmp_path: Path, monkeypatch) -> Host:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return Host(run_module, tmp_path)


def test_made_once_and_taken_back(host):
    told = host.want("shop", "blog")
    assert len(told["made"]) == 3
    assert [name for _, name in host.get("contexts")] == ["httpd_sys_content_t", "httpd_modules_t"]
    assert host.types == ["httpd_sys_content_t", "httpd_modules_t"]
    assert not host.want("blog", "shop")["changed"]
    host.absent("shop")
    assert len(host.get("contexts")) == 2
    assert len(host.absent()["taken_back"]) == 2
    assert host.get("contexts") == []
    assert host.types == ["default_t", "default_t"]
    assert not host.record.exists()


def test_check_mode_says_it_and_does_nothing(host):
    foreseen = host.want("shop", check=True, ports=(8000,))
    assert host.get("contexts") == []
    assert not host.record.exists()
    assert host.want("shop", ports=(8000,))["made"] == foreseen["made"]


def test_labels_only_where_httpd_may_not_listen_yet(host):
    host.want("shop", ports=(80, 8080, 8000, 9999))
    assert host.get("ports") == {"8000": "http_port_t", "9999": "http_port_t"}
    assert not host.want("shop", ports=(80, 8080, 8000, 9999))["changed"]
    host.want("shop", ports=(9999,))
    assert host.get("ports") == {"9999": "http_port_t"}
    host.want()
    assert host.get("ports") == {}


def test_new_files_are_labelled_without_a_new_rule(host):
    host.want("shop")
    (host.home / "venvs" / "b.so").touch()
    told = host.want("shop")
    assert told["made"] == [f"label files in {host.home}"]
    assert host.get("types")[f"{host.home}/venvs/b.so"] == "httpd_modules_t"


def test_a_rule_that_somebody_took_away_comes_before_the_later_ones(host):
    host.want("shop")
    host.put(contexts=host.get("contexts")[1:])
    host.want("shop")
    assert [name for _, name in host.get("contexts")] == ["httpd_sys_content_t", "httpd_modules_t"]
    assert host.types == ["httpd_sys_content_t", "httpd_modules_t"]


def test_rules_of_others_stay(host):
    rules = [[f"{host.home}(/.*)?", "httpd_sys_content_t"], ["/srv(/.*)?", "httpd_log_t"]]
    host.put(contexts=rules, ports={"9999": "http_port_t"})
    host.want("shop", ports=(9999,))
    host.want()
    assert host.get("contexts") == rules
    assert host.get("ports") == {"9999": "http_port_t"}


def test_a_rule_that_says_otherwise_is_not_replaced(host):
    host.put(contexts=[[f"{host.home}(/.*)?", "httpd_log_t"]])
    told = host.want("shop")
    assert told.failed
    assert "semanage fcontext -d" in told["msg"]
    host.put(contexts=[], ports={"9999": "ssh_port_t"})
    told = host.want("shop", ports=(9999,))
    assert told.failed
    assert "semanage port -d -p tcp 9999" in told["msg"]


@pytest.mark.parametrize("mode", ["Disabled", None])
def test_without_selinux_one_line_says_so(host, mode):
    host.put(mode=mode)
    if mode is None:
        (host.tmp / "bin" / "getenforce").unlink()
    with mock.patch.object(AnsibleModule, "warn") as warn:  # where a warning goes depends on who imports what
        assert not host.want("shop")["changed"]
    assert "SELinux is not enabled here" in warn.call_args.args[0]
    assert host.get("contexts") == []


def test_without_semanage(host):
    (host.tmp / "bin" / "semanage").unlink()
    told = host.want("shop", check=True)
    assert told.failed
    assert "policycoreutils-python-utils" in told["msg"]


def test_what_an_instance_wants(checkout):
    text = (checkout / "roles/mod_wsgi_instance/meta/argument_specs.yml").read_text()
    spec = yaml.safe_load(text)["argument_specs"]["main"]["options"]["mod_wsgi_instance_spec"]["options"]
    given = [{"name": "shop", "app": "/srv/shop.py", "port": 8001, "options": {"https-port": 8443}}]
    (found,), _ = instances.normalise(given, spec, {}, LAYOUT)
    rules = policy.selinux_rules([found], DIRECTORIES, "systemd")
    types = {rule["path"]: rule["type"] for rule in rules["contexts"]}
    assert types["/opt/m/instances/shop/apachectl"] == "httpd_exec_t"
    assert types["/opt/m/instances/shop(/.*)?"] == "httpd_var_run_t"  # root reads the key of a certificate
    assert [item["port"] for item in rules["ports"]] == [8001, 8443]
    del found["spec"]["options"]["https-port"]
    rules = policy.selinux_rules([found], DIRECTORIES, "systemd")
    assert {rule["path"]: rule["type"] for rule in rules["contexts"]}["/opt/m/instances/shop(/.*)?"] == "httpd_config_t"


def test_a_path_is_taken_literally():
    assert policy.literal("/opt/my.app+1/x-y") == r"/opt/my\.app\+1/x-y"
