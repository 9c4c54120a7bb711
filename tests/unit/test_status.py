# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_status: what is told of instances in every state, and the table of it."""

from __future__ import annotations

import http.server
import json
import os
import threading
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_status
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import status

# Stands in for the Python of an instance: it answers as mod_wsgi-express and as mod_wsgi would.
PYTHON = """#!/bin/sh
case "$*" in
    *mod_wsgi.express*) cat "$(dirname "$0")/../told.json" ;;
    *installed_version*) echo 4.4.11+toolkit.0.1.0.k0 ;;
esac
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "instances").mkdir()
    return tmp_path


@pytest.fixture
def install(home: Path):
    """Makes an instance as the role leaves it, with what express says of it."""

    def make(name: str, **told: object) -> None:
        venv, root = home / "venvs" / name, home / "instances" / name
        (venv / "bin").mkdir(parents=True)
        root.mkdir()
        (venv / "bin/python").write_text(PYTHON)
        (venv / "bin/python").chmod(0o755)
        (venv / "told.json").write_text(json.dumps(told))
        made = {"python": {"home": str(venv), "version": "3.11.2"}, "httpd": {"version": "2.4.71"}, "url": "http://x:1"}
        (root / "express.json").write_text(json.dumps(made))
        state = {"pending": "usr1", "release": "0123456789ab shop-000000000001"}
        (home / "instances" / f"{name}.state").write_text(json.dumps(state))

    return make


def test_nothing_is_installed(run_module, tmp_path):
    assert run_module(mod_wsgi_status, home=str(tmp_path))["instances"] == []


def test_instances_in_every_state(run_module, home, install):
    install("ready", running=True, pid=os.getpid(), ready=True)
    install("starting", running=True, pid=os.getpid(), ready=False)
    install("stopped", running=False, pid=None, ready=False)
    (home / "instances/unfinished.env").write_text("")
    found = run_module(mod_wsgi_status, home=str(home))
    assert not found["changed"]
    assert {each["name"]: each["state"] for each in found["instances"]} == {
        name: name for name in ("ready", "starting", "stopped", "unfinished")
    }
    ready = found["instances"][0]
    assert ready["up"]
    assert (ready["module"], ready["python"], ready["httpd"]) == ("4.4.11+toolkit.0.1.0.k0", "3.11.2", "2.4.71")
    assert (ready["release"], ready["pending"]) == ("0123456789ab", "usr1")


@pytest.fixture
def answering():
    """A server that answers 503 to every request, and tells the Host header that it got."""
    hosts = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["Host"])
            self.send_error(503)

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", hosts
        server.shutdown()
        thread.join()


def test_health(run_module, home, install, answering):
    url, hosts = answering
    install("shop", running=True, pid=os.getpid(), ready=True)

    def health(**asked: object) -> str:
        found = run_module(mod_wsgi_status, home=str(home), health={"shop": asked})
        return found["instances"][0]["health"]

    assert health(url=url, status=[200]) == "answers 503"
    assert health(url=url, status=[503], host="shop.example") == "ok"
    assert hosts[-1] == "shop.example"
    assert health(url="http://127.0.0.1:1/", status=[200]).startswith("no answer: ")


def test_the_table_leaves_out_what_says_nothing(run_module, home, install):
    install("shop", running=True, pid=os.getpid(), ready=True)
    (home / "instances/broken.env").write_text("")
    head, broken, shop = status.table(run_module(mod_wsgi_status, home=str(home))["instances"])
    assert head.split()[:2] == ["name", "state"]
    assert "health" not in head
    assert broken == "broken  unfinished"
    assert shop.startswith("shop    ready       ")
