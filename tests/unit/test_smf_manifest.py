# SPDX-License-Identifier: Apache-2.0
"""Manifests for SMF: the one that the role writes, and what is wrong with others.

Two readers judge each case: the checker of the collection, and xmllint with a document type of our own, which says the
same in another language. Neither is SMF itself; both were written from the documented content model.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.modwsgi.toolkit.plugins.filter.instances import service_definition
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import smf

GOOD = """<?xml version="1.0"?>
<service_bundle type="manifest" name="shop">
  <service name="site/shop" type="service" version="1">
    <dependency name="network" grouping="require_all" restart_on="error" type="service">
      <service_fmri value="svc:/milestone/network:default"/>
    </dependency>
    <dependency name="config" grouping="require_all" restart_on="none" type="path">
      <service_fmri value="file://localhost/etc/shop.conf"/>
    </dependency>
    <dependent name="shop_multi-user" grouping="optional_all" restart_on="none">
      <service_fmri value="svc:/milestone/multi-user-server:default"/>
    </dependent>
    <method_context working_directory="/">
      <method_credential user="webservd" group="webservd" privileges="basic,net_privaddr"/>
      <method_environment><envvar name="LANG" value="C.UTF-8"/></method_environment>
    </method_context>
    <exec_method type="method" name="start" exec="/opt/shop start" timeout_seconds="60"/>
    <exec_method type="method" name="stop" exec="/opt/shop stop" timeout_seconds="120"/>
    <property_group name="startd" type="framework">
      <propval name="ignore_error" type="astring" value="core,signal"/>
    </property_group>
    <instance name="default" enabled="false"/>
    <stability value="Evolving"/>
    <template>
      <common_name><loctext xml:lang="C">A shop</loctext></common_name>
    </template>
  </service>
</service_bundle>
"""
START = '<exec_method type="method" name="start" exec="/opt/shop start" timeout_seconds="60"/>'
INSTANCE = '<instance name="default" enabled="false"/>'
STABILITY = '<stability value="Evolving"/>'
CREDENTIAL = '<method_credential user="webservd" group="webservd" privileges="basic,net_privaddr"/>'
ENVIRONMENT = '<method_environment><envvar name="LANG" value="C.UTF-8"/></method_environment>'
NETWORK = '<dependency name="network"'
MULTI_USER = '<service_fmri value="svc:/milestone/multi-user-server:default"/>'
COMMON_NAME = '<common_name><loctext xml:lang="C">A shop</loctext></common_name>'

# What a document type can say: what is replaced, by what, and words of the complaint.
STRUCTURE = {
    "no version": (' version="1"', "", "service[site/shop]: the attribute version is missing"),
    "no type": ('type="service" version', "version", "the attribute type is missing"),
    "no enabled": (' enabled="false"', "", "instance[default]: the attribute enabled is missing"),
    "no timeout": (' timeout_seconds="60"', "", "exec_method[start]: the attribute timeout_seconds is missing"),
    "no exec": (' exec="/opt/shop start"', "", "the attribute exec is missing"),
    "no restart_on": (' restart_on="error"', "", "dependency[network]: the attribute restart_on is missing"),
    "no user": ('user="webservd" ', "", "method_credential: the attribute user is missing"),
    "no value": (' value="core,signal"', "", "propval[ignore_error]: the attribute value is missing"),
    "no language": (' xml:lang="C"', "", "the attribute xml:lang is missing"),
    "unknown attribute": (' enabled="false"', ' enabled="false" order="1"', "there is no attribute order"),
    "grouping": ('"require_all"', '"all"', "grouping is 'all'; it takes require_all, require_any"),
    "restart_on": ('restart_on="error"', 'restart_on="always"', "restart_on is 'always'"),
    "dependency type": ('restart_on="none" type="path"', 'restart_on="none" type="file"', "type is 'file'"),
    "enabled": ('enabled="false"', 'enabled="no"', "enabled is 'no'; it takes true, false"),
    "bundle type": ('type="manifest"', 'type="service"', "type is 'service'; it takes manifest"),
    "method type": ('type="method" name="start"', 'type="script" name="start"', "type is 'script'"),
    "property type": ('type="astring"', 'type="string"', "type is 'string'"),
    "stability": ('"Evolving"', '"Shiny"', "value is 'Shiny'"),
    "instance before method": (START, INSTANCE + START, "its children are dependency, dependency, dependent"),
    "stability before instance": (INSTANCE, STABILITY + INSTANCE, "the order is:"),
    "environment first": (CREDENTIAL, ENVIRONMENT + CREDENTIAL, "method_context: its children"),
    "method after property": ("<property_group", INSTANCE + "<property_group", "the order is:"),
    "empty environment": ('<envvar name="LANG" value="C.UTF-8"/>', "", "its children are none"),
    "two credentials": (CREDENTIAL, CREDENTIAL * 2, "method_context: its children"),
    "unknown element": (STABILITY, "<stable/>", "does not belong into our manifests"),
    "never implemented": (NETWORK, f"<single_instance/>{NETWORK}", "single_instance"),
    "empty template": (COMMON_NAME, "", "its children are none"),
    "text": (STABILITY, STABILITY + "stable", "text has no place in it"),
    "two services": (MULTI_USER, MULTI_USER * 2, "dependent[shop_multi-user]: its children"),
}
# What it cannot.
MEANING = {
    "no stop": ('name="stop" exec="/opt/shop stop"', 'name="refresh" exec="/opt/shop stop"', "no method 'stop'"),
    "two starts": (START, START * 2, "two are exec_method 'start'"),
    "for ever": ('timeout_seconds="60"', 'timeout_seconds="0"', "timeout_seconds cannot be '0'"),
    "no number": ('timeout_seconds="60"', 'timeout_seconds="1m"', "timeout_seconds cannot be '1m'"),
    "empty exec": ('exec="/opt/shop start"', 'exec=" "', "exec cannot be ' '"),
    "name": ('instance name="default"', 'instance name="my shop"', "name cannot be 'my shop'"),
    "method name": ('name="start"', 'name="begin"', "name is 'begin'"),
    "file as service": (
        "svc:/milestone/network:default",
        "file://localhost/x",
        "dependency network: 'file://localhost/x'",
    ),
    "path as file": ("file://localhost/etc", "/etc", "dependency config: '/etc/shop.conf' is no FMRI of its kind"),
    "no instance": (INSTANCE, "", "service site/shop: no instance"),
    "variable": ('envvar name="LANG"', 'envvar name="LA NG"', "name cannot be 'LA NG'"),
}


def xmllint(manifest: str, checkout: Path, directory: Path) -> bool:
    """Whether the document type takes it."""
    (directory / "manifest.xml").write_text(manifest)
    document_type = checkout / "tests" / "unit" / "service_bundle.dtd"
    command = ["xmllint", "--nonet", "--noout", "--dtdvalid", document_type, directory / "manifest.xml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr  # 3: read, and not valid
    return done.returncode == 0


def test_a_good_one(checkout, tmp_path):
    assert smf.problems(GOOD) == []
    assert xmllint(GOOD, checkout, tmp_path)


@pytest.mark.parametrize("case", STRUCTURE)
def test_structure(case, checkout, tmp_path):
    found, instead, complaint = STRUCTURE[case]
    assert found in GOOD
    manifest = GOOD.replace(found, instead, 1)
    problems = smf.problems(manifest)
    assert [problem for problem in problems if complaint in problem], problems
    assert not xmllint(manifest, checkout, tmp_path)


@pytest.mark.parametrize("case", MEANING)
def test_meaning(case):
    found, instead, complaint = MEANING[case]
    assert found in GOOD
    problems = smf.problems(GOOD.replace(found, instead, 1))
    assert [problem for problem in problems if complaint in problem], problems


def test_what_is_no_manifest_at_all():
    assert smf.problems("[Unit]")[0].startswith("not XML: ")
    assert smf.problems("<html/>") == ["html: a manifest is a service_bundle"]


def test_the_filter_refuses_for_smf_alone():
    assert service_definition(GOOD, "smf") == GOOD
    assert service_definition("[Unit]", "systemd") == "[Unit]"
    with pytest.raises(AnsibleFilterError, match="smf would refuse the definition of the service: not XML"):
        service_definition("[Unit]", "smf")


@pytest.fixture
def rendered(checkout):
    """The role's template with an instance."""
    source = (checkout / "roles" / "mod_wsgi_instance" / "templates" / "smf.j2").read_text()

    def render(server_root: str = "/opt/mod_wsgi/instances/shop", **timeouts: int) -> str:
        everything = dict.fromkeys(("startup", "graceful", "shutdown"))
        spec = {"name": "shop", "timeouts": {**everything, **timeouts}, "env_secret": {"TOKEN": "do-not-tell"}}
        variables = {"__mod_wsgi_instance": {"spec": spec, "paths": {"server_root": server_root}}}
        return Templar(DataLoader(), variables=variables).template(trust_as_template(source))

    return render


def test_the_manifest_of_the_role(rendered, checkout, tmp_path):
    manifest = rendered()
    assert smf.problems(manifest) == []
    assert xmllint(manifest, checkout, tmp_path)
    assert 'exec="/opt/mod_wsgi/instances/shop/apachectl service %m 60" timeout_seconds="120"' in manifest
    assert "do-not-tell" not in manifest


def test_smf_waits_longer_than_the_method(rendered):
    manifest = rendered(startup=100, graceful=200, shutdown=30)
    assert 'service %m 145" timeout_seconds="205"' in manifest
    assert 'service %m 270" timeout_seconds="290"' in manifest


def test_a_path_is_no_shell_no_token_and_no_xml(rendered, checkout, tmp_path):
    manifest = rendered("/srv/100%&co/shop")
    assert smf.problems(manifest) == []
    assert xmllint(manifest, checkout, tmp_path)
    assert "/100%%&amp;co/shop/apachectl" in manifest
    assert "is no FMRI of its kind" in smf.problems(rendered("/srv/a b"))[0]
