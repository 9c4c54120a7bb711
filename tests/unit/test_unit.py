# SPDX-License-Identifier: Apache-2.0
"""The systemd unit: as whom it runs, what it may do, and how exposed systemd itself says it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import instances, services

LAYOUT = instances.Layout(
    "system", "/opt/m", "/var/log/m", "/var/lib/m", "/usr/bin/python3", "web", "web", "", "systemd"
)
OTHER_USER = {"services": [{"name": "mail", "script": "/srv/mail.py", "user": "mail"}]}


@pytest.fixture(scope="module")
def unit(checkout: Path):
    """The unit of an instance, as text, with what it depends on."""
    role = checkout / "roles" / "mod_wsgi_instance"
    spec = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    template = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined).from_string(
        (role / "templates/systemd.j2").read_text()
    )

    def make(scope: str = "system", **given: object) -> tuple[str, dict[str, bool]]:
        given = {"name": "shop", "app": "/srv/shop.py", **given}
        (found,), wrong = instances.normalise([given], spec["mod_wsgi_instance_spec"]["options"], {}, LAYOUT)
        assert wrong == []
        facts = services.unit(found["spec"], found["paths"], "systemd", scope == "system")
        text = template.render(
            __mod_wsgi_instance=found,
            mod_wsgi_instance_scope=scope,
            __mod_wsgi_instance_service=services.describe("shop", "systemd", "/srv/shop"),
            __mod_wsgi_instance_unit=facts,
            __mod_wsgi_instance_writable=["/var/lib/m/shop"],
        )
        return text, facts

    return make


@pytest.fixture
def exposure(tmp_path: Path):
    """What systemd says of a unit, from 0 to 10."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze here; molecule/default asks the one of its images")

    def ask(text: str) -> float:
        file = tmp_path / "mod_wsgi-shop.service"
        file.write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--no-pager", str(file)],
            capture_output=True,
            text=True,
            check=False,
        )
        verdict = next(line for line in done.stdout.splitlines() if "Overall exposure level" in line)
        return float(verdict.partition(".service: ")[2].split()[0])

    return ask


def test_R19_nobody_is_root(unit, exposure):
    text, facts = unit()
    assert facts == {"unprivileged": True, "binds_low": False, "reads_homes": False, "logs_directory": "m/shop"}
    assert "\nUser=web\n" in text
    assert "\nCapabilityBoundingSet=\n" in text
    assert exposure(text) <= 1.5


def test_R19_a_low_port_costs_one_capability(unit, exposure):
    text, facts = unit(port=80)
    assert facts["unprivileged"]
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert exposure(text) <= 1.7  # that, the ambient one counted as well


@pytest.mark.parametrize(
    "given", [OTHER_USER, {"options": {"service_user": [["mail", "mail"]]}}, {"options": {"https_port": 443}}]
)
def test_R19_other_users_and_keys_of_certificates_need_root(unit, exposure, given):
    text, facts = unit(**given)
    assert not facts["unprivileged"]
    assert "\nUser=" not in text
    assert "CAP_SETUID" in text
    assert exposure(text) <= 2.5


def test_a_service_as_the_same_user_needs_no_root(unit):
    service = {"name": "mail", "script": "/srv/mail.py", "user": "web", "group": "web"}
    assert unit(services=[service])[1]["unprivileged"]


@pytest.mark.parametrize(
    ("given", "home"),
    [
        ({}, "true"),
        ({"app": "/home/joe/shop.py"}, "read-only"),
        ({"python_path": ["/root/lib"]}, "read-only"),
        ({"python": "/home/joe/.pyenv/bin/python"}, "read-only"),
    ],
)
def test_homes_are_closed_unless_something_of_it_lies_there(unit, given, home):
    assert f"\nProtectHome={home}\n" in unit(**given)[0]


def test_credentials(unit):
    text, _ = unit(
        credentials=[{"name": "key", "path": "/etc/shop.key"}, {"name": "db", "path": "/etc/db", "encrypted": True}]
    )
    assert "\nLoadCredential=key:/etc/shop.key\n" in text
    assert "\nLoadCredentialEncrypted=db:/etc/db\n" in text


def test_a_user_has_a_unit_without_what_only_root_can_ask(unit):
    text, facts = unit(scope="user")
    assert not facts["unprivileged"]
    for word in ("User=", "ProtectSystem", "Capability", "multi-user.target", "network-online"):
        assert word not in text
    assert "\nWantedBy=default.target" in text


def test_secrets_are_not_in_it(unit):
    assert "canary" not in unit(env_secret={"TOKEN": "canary"}, env={"A": "canary"})[0]


def test_directories_have_the_owner_that_is_ours_to_give():
    def found(manager: str, is_system: bool = True, logs: str = "/srv/log", **more: object) -> list[dict[str, str]]:
        spec = {"name": "shop", "user": "web", "group": "webs", "logs": {"dir": logs}, "services": [], "options": {}}
        servers = [{"spec": {**spec, **more}, "paths": {"data_dir": "/srv/data"}}]
        return services.directories(servers, manager, is_system)

    data = {"path": "/srv/data", "owner": "web", "group": "webs"}
    assert found("none", is_system=False) == [{"path": "/srv/log"}, {"path": "/srv/data"}]
    assert found("none") == [{"path": "/srv/log", "owner": "root"}, data]
    assert found("systemd") == [{"path": "/srv/log", "owner": "web", "group": "webs"}, data]
    assert found("systemd", logs="/var/log/m/shop") == [{"path": "/var/log/m/shop"}, data]
    of_root = found("systemd", logs="/var/log/m/shop", options={"https_port": 443})
    assert of_root == [{"path": "/var/log/m/shop", "owner": "root"}, data]
