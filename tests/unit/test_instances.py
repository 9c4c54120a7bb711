# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_instances: every mistake gets one sentence with instance, key and fix; a good one gets all its defaults."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import instances
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils.instances import Layout

SYSTEM = Layout("system", "/opt/m", "/var/log/m", "/var/lib/m", "/usr/bin/python3", "web", "webs", "")


@pytest.fixture(scope="module")
def options(checkout: Path) -> dict[str, Any]:
    text = (checkout / "roles/mod_wsgi_instance/meta/argument_specs.yml").read_text()
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]["mod_wsgi_instance_spec"]["options"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in ("wsgi.py", "mailer.py", "requirements.txt"):
        (tmp_path / name).write_text("")
    return tmp_path


def errors(options: dict, *given: object, layout: Layout = SYSTEM, defaults: dict | None = None) -> list[str]:
    return instances.normalise(list(given), options, defaults or {}, layout)[1]


def done(options: dict, given: dict, layout: Layout = SYSTEM, defaults: dict | None = None) -> dict:
    found, wrong = instances.normalise([given], options, defaults or {}, layout)
    assert wrong == []
    return found[0]


def test_the_least_that_one_can_write(options):
    found = done(options, {"name": "shop", "app": "/srv/shop/wsgi.py"})
    assert found["paths"]["server_root"] == "/opt/m/instances/shop"
    assert found["paths"]["url"] == "http://127.0.0.1:8000"
    spec = found["spec"]
    assert (spec["port"], spec["threads"], spec["user"], spec["group"]) == (8000, 5, "web", "webs")
    assert spec["working_directory"] == "/srv/shop"
    assert spec["logs"] == {"dir": "/var/log/m/shop", "level": "warn", "access": True, "rotate": None}
    assert spec["health"]["status"] == [200]
    assert spec["processes"] is None


def test_paths_below_a_source_are_those_of_the_copy(options, source):
    found = done(
        options,
        {
            "name": "shop",
            "source": str(source),
            "app": "wsgi.py",
            "requirements": "requirements.txt",
            "services": [{"name": "mail", "script": "mailer.py"}],
            "url_aliases": [{"url": "/static", "path": "static"}],
            "python_path": ["lib", "/elsewhere"],
        },
    )
    spec = found["spec"]
    assert spec["app"] == "/opt/m/apps/shop/current/code/wsgi.py"
    assert spec["requirements"] == "requirements.txt"
    assert found["paths"]["needs"] == ["mailer.py", "wsgi.py", "requirements.txt"]
    assert spec["services"][0]["script"] == "/opt/m/apps/shop/current/code/mailer.py"
    assert spec["services"][0]["log"] == "mail.log"
    assert spec["url_aliases"][0]["path"] == "/opt/m/apps/shop/current/code/static"
    assert spec["python_path"] == ["/opt/m/apps/shop/current/code/lib", "/elsewhere"]


def test_texts_become_what_the_spec_says(options):
    spec = done(options, {"name": "a", "app": "/a.py", "port": "8080", "logs": {"access": "no"}})["spec"]
    assert spec["port"] == 8080
    assert spec["logs"]["access"] is False


def test_a_relative_source_starts_at_the_inventory(options, source):
    layout = replace(SYSTEM, base=str(source.parent))
    found = done(options, {"name": "a", "source": source.name, "app": "wsgi.py"}, layout)
    assert found["spec"]["release"]["src"] == str(source)
    assert found["paths"]["venv"] == "/opt/m/apps/a/current/venv"


def test_a_release_is_a_directory_or_an_archive_with_a_version(options, source):
    (source / "shop-1.5.tgz").write_text("")
    given = {"src": str(source / "shop-1.5.tgz"), "version": "1.5"}
    release = done(options, {"name": "a", "release": given, "app": "app/wsgi.py"})["spec"]["release"]
    assert release["version"] == "1.5"
    assert (release["keep"], release["strip"]) == (3, 0)
    assert (
        done(options, {"name": "a", "release": {"src": str(source)}, "app": "wsgi.py"})["spec"]["release"]["version"]
        is None
    )


def test_what_is_on_the_host_already_has_no_release(options):
    found = done(options, {"name": "a", "app": "/srv/a/wsgi.py"})
    assert found["spec"]["release"] is None
    assert (found["paths"]["app_dir"], found["paths"]["venv"]) == (None, None)


def test_defaults_for_all_are_below_what_one_says(options):
    defaults = {"threads": 9, "env": {"A": "1", "B": "1"}}
    spec = done(options, {"name": "a", "app": "/a.py", "env": {"B": "2"}}, defaults=defaults)["spec"]
    assert (spec["threads"], spec["env"]) == (9, {"A": "1", "B": "2"})


def test_a_module_needs_no_file(options):
    assert done(options, {"name": "a", "app": "shop.wsgi:app", "app_type": "module"})["spec"]["app"] == "shop.wsgi:app"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("*", "http://127.0.0.1:8000"),
        ("::1", "http://[::1]:8000"),
        ("::", "http://[::1]:8000"),
        ("10.0.0.1", "http://10.0.0.1:8000"),
    ],
)
def test_url(options, host, url):
    assert done(options, {"name": "a", "app": "/a.py", "host": host})["paths"]["url"] == url


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"prot": 80}, ["mod_wsgi_instances[0] (a)", "'prot'", "Did you mean 'port'"]),
        ({"logs": {"levle": "info"}}, ["'logs.levle'", "Did you mean 'level'"]),
        ({"services": [{"name": "x", "script": "/x.py", "lgo": "x"}]}, ["lgo", "Did you mean 'log'"]),
        ({"zzzzz": 1}, ["'zzzzz'", "Known keys: "]),
        ({"port": "many"}, ["port", "many"]),
        ({"port": 0}, ["port 0", "1 to 65535"]),
        ({"port": 70000}, ["port 70000"]),
        ({"threads": 0}, ["threads 0", "at least 1"]),
        ({"app_type": "paste"}, ["app_type", "script"]),
        ({"name": "../up"}, ["name '../up'", "lower case"]),
        ({"env": {"A-B": 1}}, ["env", "'A-B'"]),
        ({"env": {"A": [1]}}, ["env.A", "list"]),
        ({"env": {"A": 1}, "env_secret": {"A": 2}}, ["env and env_secret both set A"]),
        ({"services": [{"name": "x", "script": "/x.py"}] * 2}, ["services", "two are named 'x'"]),
        ({"reload": "on_change"}, ["reload", "system scope"]),
        ({"app": "wsgi.py"}, ["app 'wsgi.py'", "needs 'source'"]),
        ({"source": "/nonexistent"}, ["source", "not a directory"]),
        ({"source": "relative"}, ["source 'relative'", "absolute path"]),
        ({"source": "/tmp", "release": {"src": "/tmp"}}, ["source and release are both set"]),
        ({"release": {"src": "/nonexistent.tgz"}}, ["release.src: '/nonexistent.tgz'", "archive"]),
        ({"release": {"src": "/etc/passwd"}}, ["release.src: '/etc/passwd'", "archive"]),
        ({"release": {"src": "/tmp", "version": "../1"}}, ["release.version '../1'", "letters"]),
        ({"release": {"src": "/tmp", "version": 1.10}}, ["release.version 1.1", "quotes"]),
        ({"release": {"src": "/tmp", "keep": 1}}, ["release.keep 1", "at least 2"]),
        ({"release": {"src": "/tmp", "strip": -1}}, ["release.strip -1"]),
        ({"release": {"version": "1"}}, ["release", "src"]),
        ({"release": {"src": "/tmp", "vresion": "1"}}, ["'release.vresion'", "Did you mean 'version'"]),
    ],
)
def test_mistakes(options, change, parts):
    (found,) = errors(options, {"name": "a", "app": "/a.py", **change})
    for part in parts:
        assert part in found


def test_a_missing_key_is_named(options):
    (found,) = errors(options, {"name": "a"})
    assert "mod_wsgi_instances[0] (a)" in found
    assert "app" in found


def test_files_that_the_source_lacks(options, source):
    (source / "wsgi.py").unlink()
    found = errors(options, {"name": "a", "source": str(source), "app": "wsgi.py", "requirements": "req.txt"})
    assert [text.split(": ", 1)[1].split(":")[0] for text in found] == ["app 'wsgi.py'", "requirements 'req.txt'"]


def test_only_root_has_low_ports_and_other_users(options):
    layout = replace(SYSTEM, scope="user")
    found = errors(options, {"name": "a", "app": "/a.py", "port": 80, "user": "web"}, layout=layout)
    assert len(found) == 2
    assert "port 80: only root" in found[0]
    assert "user: only root" in found[1]


def test_two_on_one_port_and_two_of_one_name(options):
    same_port = errors(options, {"name": "shop", "app": "/a.py"}, {"name": "blog", "app": "/b.py"})
    assert same_port == ["mod_wsgi_instances: port 8000 is wanted by shop and blog. Give one of them another port"]
    assert errors(options, {"name": "shop", "app": "/a.py"}, {"name": "blog", "app": "/b.py", "state": "stopped"}) == []
    same_name = errors(options, {"name": "a", "app": "/a.py"}, {"name": "a", "app": "/b.py", "port": 8001})
    assert same_name == ["mod_wsgi_instances: two are named 'a'. Give each its own name"]


def test_every_error_at_once(options):
    assert len(errors(options, {"name": "a", "app": "/a.py", "prot": 1}, "not a dictionary")) == 2


def test_an_absent_instance_needs_its_name_alone(options):
    shop = {"name": "shop", "app": "/srv/shop/wsgi.py"}
    found, wrong = instances.normalise(
        [shop, {"name": "old", "state": "absent", "source": "/gone"}], options, {}, SYSTEM
    )
    assert wrong == []  # though both would have the same port
    assert (found[1]["state"], found[1]["paths"]["server_root"]) == ("absent", "/opt/m/instances/old")
    assert "two are named 'shop'" in errors(options, shop, {"name": "shop", "state": "absent"})[0]
    assert "name" in errors(options, {"state": "absent"})[0]


def test_credentials_need_systemd(options):
    given = {"name": "shop", "app": "/srv/wsgi.py", "credentials": [{"name": "key", "path": "/etc/key"}]}
    assert "only systemd hands them out, and the service manager is none" in errors(options, given)[0]
    layout = dataclasses.replace(SYSTEM, service_manager="systemd")
    assert done(options, given, layout)["spec"]["credentials"][0]["encrypted"] is False


def test_no_list_at_all(options):
    assert instances.normalise({"name": "a"}, options, {}, SYSTEM)[1] == [
        "mod_wsgi_instances: a list is wanted, found dict"
    ]


def test_a_secret_is_in_no_error(options):
    found = errors(options, {"name": "a", "app": "/a.py", "env_secret": "hunter2-hunter2", "port": "hunter2-hunter2"})
    assert found
    assert "hunter2" not in " ".join(found)


def test_unknown_variables(checkout):
    roles = str(checkout / "roles")
    assert instances.unknown_variables(["mod_wsgi_python", "mod_wsgi_instances"], roles) == []
    (near,) = instances.unknown_variables(["mod_wsgi_instnaces"], roles)
    assert "Did you mean 'mod_wsgi_instances'" in near
    (far,) = instances.unknown_variables(["mod_wsgi_qqqqqqqqqqqq"], roles)
    assert "Remove it" in far


def test_secrets_are_apart_from_what_is_kept(options):
    given = [
        {"name": "shop", "app": "/srv/a.py", "env": {"A": "1"}, "env_secret": {"TOKEN": "canary"}},
        {"name": "blog", "app": "/srv/b.py", "port": 8001},
    ]
    defaults = {"env_secret": {"COMMON": "canary"}}
    found, wrong = instances.normalise(given, options, defaults, SYSTEM)
    assert wrong == []
    kept = instances.without_secrets(found)
    assert "canary" not in repr(kept)
    assert kept[0]["spec"]["env"] == {"A": "1"}
    secrets = instances.secrets(given, defaults)
    assert secrets == {instance["name"]: instance["spec"]["env_secret"] for instance in found}
    assert secrets["shop"] == {"TOKEN": "canary", "COMMON": "canary"}
