# SPDX-License-Identifier: Apache-2.0
"""The names of packages: each system has each of them, and they are those that the build itself recommends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.facts.system.distribution import Distribution
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from jinja2 import Environment

PARTS = {"venv", "libpython", "httpd", "headers", "compiler", "make", "openssl", "apxs"}
# File of the role -> name of the same system in the backend of the build.
SYSTEMS = {
    "Alpine": "alpine",
    "Debian": "debian",
    "FreeBSD": "freebsd",
    "OmniOS": "omnios",
    "OpenIndiana": "openindiana",
    "RedHat": "rhel",
    "SmartOS": "smartos",
    "Solaris": "solaris",
    "Suse": "suse",
}


@pytest.fixture
def data(checkout: Path):
    def read(name: str) -> dict:
        return yaml.safe_load((checkout / f"roles/mod_wsgi_build/vars/{name}.yml").read_text())

    return read


def packages(found: dict, part: str, python: str = "/usr/bin/python3.11") -> list[str]:
    """The names as Ansible would fill them in, for Python 3.11."""
    known = {"__mod_wsgi_build_python_version": "3.11", "__mod_wsgi_build_python": python}
    name = Environment().from_string(found.get("__mod_wsgi_build_python_package", "")).render(known)
    templates = found["__mod_wsgi_build_packages"][part]
    return [Environment().from_string(text).render(known, __mod_wsgi_build_python_package=name) for text in templates]


def test_these_systems(checkout):
    names = {path.stem for path in (checkout / "roles/mod_wsgi_build/vars").glob("*.yml")}
    assert names == {"main", *SYSTEMS}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_key_and_every_part(system, data):
    found = data(system)
    required = {name for name in data("main") if name.rsplit("_build_", 1)[1] in KEYS}
    assert len(required) == len(KEYS)
    assert required <= set(found) <= required | {"__mod_wsgi_build_python_package"}
    assert set(found["__mod_wsgi_build_packages"]) == PARTS
    for part in PARTS:
        names = packages(found, part)
        assert names
        assert all(re.fullmatch(r"[a-z][a-z0-9+._/-]*", name) for name in names), names


KEYS = {"packages", "installer", "install", "nothing_to_do", "path"}


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_missing_becomes_names_of_packages(system, data, checkout):
    """By the role's own expressions; a part that no package has is left out."""
    loader, variables = DataLoader(), {}
    for name in ("main", system):
        path = checkout / f"roles/mod_wsgi_build/vars/{name}.yml"
        variables.update(loader.load_from_file(str(path), trusted_as_template=True))
    variables.update(
        __mod_wsgi_build_python="/usr/bin/python3.11",
        __mod_wsgi_build_purposes=["run", "module"],
        __mod_wsgi_build_place={
            "python": {"version": [3, 11, 2]},
            "missing": {"run": ["httpd"], "module": ["headers", "something else"]},
        },
    )
    wanted = Templar(loader, variables).template(trust_as_template("{{ __mod_wsgi_build_wanted }}"))
    assert wanted == list(dict.fromkeys(packages(data(system), "httpd") + packages(data(system), "headers")))


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_command_only_where_no_module_of_ansible_installs(system, data):
    found = data(system)
    assert found["__mod_wsgi_build_installer"] in ("apt", "dnf", "command")
    assert bool(found["__mod_wsgi_build_install"]) == (found["__mod_wsgi_build_installer"] == "command")


@pytest.mark.parametrize("system", SYSTEMS)
def test_ansible_finds_the_file(system):
    """By the name of the distribution, or else of the family, as Ansible has them."""
    families = Distribution.OS_FAMILY_MAP
    distributions = {name for names in families.values() for name in names}
    assert system in families or system in distributions


@pytest.mark.parametrize(("system", "family"), SYSTEMS.items())
def test_the_build_recommends_the_same(system, family, data, checkout, monkeypatch):
    monkeypatch.syspath_prepend(str(checkout / "mod_wsgi_src/backend"))
    import operating_system

    recommended = operating_system.PACKAGES[family]
    version = {"version": "3.11", "digits": "311"}
    found = data(system)
    assert set(recommended.httpd.split()) <= set(packages(found, "apxs"))
    assert set(recommended.python.format(**version).split(" (")[0].split()) <= set(packages(found, "headers"))
    alike = {"build-essential"}  # a package that only collects others
    assert set(recommended.compiler.split()) - alike <= set(packages(found, "compiler"))


@pytest.mark.parametrize(("system", "package"), [("RedHat", "python3-devel"), ("Suse", "python3-devel")])
def test_the_packages_of_the_systems_own_python_have_no_version(system, package, data):
    assert packages(data(system), "headers", "/usr/bin/python3") == [package]


def test_the_documentation_says_of_each_how_far_it_is_tested(checkout):
    text = (checkout / "docs/systems.md").read_text()
    for system in SYSTEMS:
        assert f"`{system}.yml`" in text
