# SPDX-License-Identifier: Apache-2.0
"""An instance becomes options that mod_wsgi-express has; what is not set is left to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import express, instances

LAYOUT = instances.Layout("system", "/opt/m", "/var/log/m", "/var/lib/m", "/usr/bin/python3", "web", "webs", "")


@pytest.fixture(scope="module")
def options(checkout: Path):
    text = (checkout / "roles/mod_wsgi_instance/meta/argument_specs.yml").read_text()
    spec = yaml.safe_load(text)["argument_specs"]["main"]["options"]["mod_wsgi_instance_spec"]["options"]

    def make(is_system: bool = True, **given: object) -> dict:
        (found,), wrong = instances.normalise([{"name": "a", "app": "/a.py", **given}], spec, {}, LAYOUT)
        assert wrong == []
        return express.options(found["spec"], found["paths"], is_system)

    return make


EVERYTHING = {
    "host": "::1",
    "server_name": "a.example.org",
    "server_aliases": ["b.example.org"],
    "processes": 2,
    "document_root": "/srv/htdocs",
    "url_aliases": [{"url": "/s", "path": "/srv/s"}],
    "python_path": ["/srv/lib"],
    "services": [{"name": "m", "script": "/m.py", "log": "mail.log", "user": "mail", "group": "mail"}],
    "logs": {"rotate": {"size_mb": 5, "keep": 3}},
    "timeouts": dict.fromkeys(express.TIMEOUTS, 7),
    "options": {"keep_alive_timeout": 0},
}


def test_a_little(options):
    found = options()
    assert found["entry-point"] == "/a.py"
    assert found["user"] == "web"
    assert found["envvars-script"] == "/opt/m/instances/a.env"
    assert found["access-log"] is True
    for name in ("server-name", "processes", "rotate-logs", "max-log-size", "request-timeout", "service-script"):
        assert name not in found


def test_only_an_action_brings_a_release_to_the_daemons(options, tmp_path):
    (tmp_path / "wsgi.py").write_text("")
    assert options(app="wsgi.py", release={"src": str(tmp_path)})["disable-reloading"] is True
    assert "disable-reloading" not in options()


def test_a_lot(options):
    found = options(**EVERYTHING)
    assert found["service-script"] == [["m", "/m.py"]]
    assert found["service-log"] == [["m", "mail.log"]]
    assert found["service-user"] == [["m", "mail"]]
    assert found["url-alias"] == [["/s", "/srv/s"]]
    assert (found["rotate-logs"], found["max-log-size"], found["keep-logs"]) == (True, 5, 3)
    assert all(found[f"{name}-timeout"] == 7 for name in express.TIMEOUTS)
    assert found["keep-alive-timeout"] == 0


def test_every_address(options):
    assert "host" not in options(host="*")


def test_one_user_has_no_other_identity(options):
    found = options(is_system=False, **EVERYTHING)
    assert not {"user", "group", "service-user", "service-group"} & set(found)


def test_express_has_every_one_of_them(options, checkout, monkeypatch):
    """Against the command's own table, so that a renamed option is found here and not on a target."""
    monkeypatch.syspath_prepend(str(checkout / "mod_wsgi_src"))
    for name in [name for name in sys.modules if name == "mod_wsgi" or name.startswith("mod_wsgi.")]:
        monkeypatch.delitem(sys.modules, name)
    from mod_wsgi.express.options import BY_NAME

    known = set(BY_NAME)
    assert set(options(**EVERYTHING)) - known == set()
    assert {f"{name}-timeout" for name in express.TIMEOUTS} - known == set()
