# SPDX-License-Identifier: Apache-2.0
"""What is written in two places says the same in both."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

ROLES = ["mod_wsgi", "mod_wsgi_build", "mod_wsgi_instance", "mod_wsgi_release", "mod_wsgi_venv"]
REQUIRED_ELSEWHERE = {"mod_wsgi_instance": "mod_wsgi_instance_spec"}


def read(path: Path) -> dict:
    return yaml.safe_load(path.read_text()) or {}


def specs(checkout: Path, role: str) -> dict:
    return read(checkout / "roles" / role / "meta" / "argument_specs.yml")["argument_specs"]


def test_the_roles_are_these(checkout):
    assert sorted(path.name for path in (checkout / "roles").iterdir()) == ROLES


@pytest.mark.parametrize("role", ROLES)
def test_defaults_are_those_of_the_argument_spec(checkout, role):
    options = {name: option for entry in specs(checkout, role).values() for name, option in entry["options"].items()}
    defaults = read(checkout / "roles" / role / "defaults" / "main.yml")
    assert set(defaults) == {name for name, option in options.items() if not option.get("required")}
    for name, option in options.items():
        if "default" in option:
            assert defaults[name] == option["default"], name


@pytest.mark.parametrize("role", ROLES)
def test_every_public_variable_begins_with_the_role(checkout, role):
    for entry in specs(checkout, role).values():
        assert all(name.startswith(f"{role}_") for name in entry["options"])


@pytest.mark.parametrize("role", ROLES)
def test_entry_points_exist(checkout, role):
    for entry in specs(checkout, role):
        assert (checkout / "roles" / role / "tasks" / f"{entry}.yml").is_file()


def test_every_look_at_a_server_names_its_service(checkout):
    """Without it the module looks for a process id where a service manager keeps none."""
    files = sorted((checkout / "roles").glob("*/tasks/*.yml"))
    asked = [
        (file, task["modwsgi.toolkit.mod_wsgi_express"])
        for file in files
        for task in yaml.safe_load(file.read_text()) or []
        if "modwsgi.toolkit.mod_wsgi_express" in task
    ]
    assert len(asked) >= 4
    for file, arguments in asked:
        assert "service" in arguments, file


def test_no_merge_has_a_key_that_is_there_already(checkout):
    """Ansible warns of these whenever the file is read."""

    def doubled(node: yaml.Node, path: Path) -> list[str]:
        if not isinstance(node, yaml.CollectionNode):
            return []
        if isinstance(node, yaml.SequenceNode):
            return [found for item in node.value for found in doubled(item, path)]
        found = [name for key, value in node.value for name in doubled(key, path) + doubled(value, path)]
        own = {key.value for key, _ in node.value}
        merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
        inner = [key.value for value in merged if isinstance(value, yaml.MappingNode) for key, _ in value.value]
        return found + [f"{path}: {name}" for name in inner if name in own]

    files = [path for part in ("roles", "playbooks", "molecule") for path in sorted((checkout / part).rglob("*.yml"))]
    assert len(files) > 100
    assert [name for path in files for name in doubled(yaml.compose(path.read_text()), path)] == []


def test_one_version(checkout):
    version = (checkout / "mod_wsgi_src" / "VERSION").read_text().strip()
    assert read(checkout / "galaxy.yml")["version"] == version
    assert "VERSION" in (checkout / "setup.py").read_text()


def test_one_httpd(checkout):
    defaults = read(checkout / "roles/mod_wsgi_build/defaults/main.yml")
    pinned = (checkout / "requirements" / "httpd.txt").read_text()
    assert f"mod_wsgi-httpd=={defaults['mod_wsgi_build_httpd_version']}" in pinned.replace(
        "mod_wsgi_httpd", "mod_wsgi-httpd"
    )


def test_the_link_tree_has_what_the_collection_ships(checkout):
    tree = checkout / "collections/ansible_collections/modwsgi/toolkit"
    links = {path.name for path in tree.iterdir()}
    assert {"galaxy.yml", "examples", "meta", "mod_wsgi_src", "playbooks", "plugins", "roles"} <= links
    for path in tree.iterdir():
        assert path.is_symlink()
        assert not os.readlink(path).startswith("/")
        assert path.resolve() == checkout / path.name


def test_the_controller_wheel_has_it_too(checkout):
    content = re.search(r"CONTENT = \((.*?)\)", (checkout / "setup.py").read_text(), re.DOTALL)
    assert content
    names = set(re.findall(r'"([^"]+)"', content.group(1)))
    tree = {path.name for path in (checkout / "collections/ansible_collections/modwsgi/toolkit").iterdir()}
    assert tree <= names
    assert all((checkout / name).exists() for name in names)


def test_the_example_is_pinned(checkout):
    lines = (checkout / "examples" / "requirements.txt").read_text().splitlines()
    for line in lines:
        assert line.startswith("#") or re.match(r"[A-Za-z0-9_-]+==[0-9]", line), line


def test_every_failure_that_is_told_is_tested(checkout):
    """docs/failures.md and the names of the server's tests have the same ids."""
    told = re.findall(r"^\| ([A-H]\d*) \|", (checkout / "docs/failures.md").read_text(), re.MULTILINE)
    assert len(told) == len(set(told)) > 70
    tests = "\n".join(path.read_text() for path in (checkout / "mod_wsgi_src/tests").rglob("test_*.py"))
    names = re.findall(r"def test_((?:[A-H]\d+_)+|E_)", tests)
    assert {row for name in names for row in name.strip("_").split("_")} == set(told)
