# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_status: what is told of instances in every state, and the table of it."""

from __future__ import annotations

import hashlib
import http.server
import json
import mmap
import os
import threading
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import staleness
from ansible_collections.modwsgi.toolkit.plugins.module_utils.releases import replace_link
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_status
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import status

# Stands in for the Python of an instance: it answers as mod_wsgi-express and as mod_wsgi would.
PYTHON = """#!/bin/sh
case "$*" in
    *python_version*) echo 3.11.2 ;;
    *mod_wsgi.express*) cat "$(dirname "$0")/../told.json" ;;
    *installed_version*) echo 4.4.11+toolkit.0.1.0.k0 ;;
esac
"""


HTTPD = """#!/bin/sh
echo 'Server version: Apache/{version} (Debian)'
echo "Server's Module Magic Number: {magic}"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "instances").mkdir()
    return tmp_path


@pytest.fixture
def upgrade(home: Path):
    """Puts another httpd in place."""

    def put(name: str, text: str) -> None:
        (home / f"{name}-httpd").write_text(text)
        (home / f"{name}-httpd").chmod(0o755)

    return put


@pytest.fixture
def install(home: Path, upgrade):
    """Makes an instance as the role leaves it, with what express says of it."""

    def make(name: str, **told: object) -> None:
        venv, root = home / "venvs" / name, home / "instances" / name
        (venv / "bin").mkdir(parents=True)
        root.mkdir()
        (venv / "bin/python").write_text(PYTHON)
        (venv / "bin/python").chmod(0o755)
        (venv / "told.json").write_text(json.dumps(told))
        server = venv / "lib/python3.11/site-packages/mod_wsgi/server"
        server.mkdir(parents=True)
        (server / "mod_wsgi.so").write_text("the module")
        (server / "build.json").write_text(json.dumps({"httpd": {"mmn": [20120211, 142]}}))
        upgrade(name, HTTPD.format(version="2.4.71", magic="20120211:142"))
        made = {
            "python": {"home": str(venv), "version": "3.11.2"},
            "httpd": {"executable": str(home / f"{name}-httpd"), "version": "2.4.71"},
            "module": {"path": str(server / "mod_wsgi.so"), "sha256": hashlib.sha256(b"the module").hexdigest()},
            "pid_file": str(root / "httpd.pid"),
            "url": "http://x:1",
        }
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
    assert (ready["release"], ready["pending"], ready["stale"]) == ("0123456789ab", "usr1", [])


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


@pytest.fixture
def stale(run_module, home, install):
    """What is said of an instance that runs."""
    install("shop", running=True, pid=os.getpid(), ready=True)

    def look() -> list[str]:
        return run_module(mod_wsgi_status, home=str(home))["instances"][0]["stale"]

    look.venv = home / "venvs/shop"
    assert look() == []
    return look


def test_another_httpd(stale, home, upgrade):
    upgrade("shop", HTTPD.format(version="2.4.72", magic="20120211:143"))
    assert stale() == ["httpd 2.4.71 became 2.4.72 after it was set up. Run the site playbook"]
    for magic in ("20120211:141", "20260101:1"):
        upgrade("shop", HTTPD.format(version="2.4.72", magic=magic))
        assert stale() == [
            f"the module was built for the magic number 20120211:142 of httpd, and {home}/shop-httpd (2.4.72) has "
            f"{magic}: it would not start. Run the site playbook, which builds one for it"
        ]
    (home / "shop-httpd").unlink()
    assert stale() == [
        f"{home}/shop-httpd, which it was set up with, is not there or does not run. Run the site playbook"
    ]


def test_another_python(stale):
    program = stale.venv / "bin/python"
    program.write_text(PYTHON.replace("3.11.2", "3.11.4"))
    assert stale() == ["Python 3.11.2 became 3.11.4 after it was started. Run the site playbook"]
    program.write_text(PYTHON.replace("3.11.2", "3.13.1"))
    assert stale() == [
        f"the module was built for Python 3.11.2, and {stale.venv} has 3.13.1. Run the site playbook, which builds one "
        "for it"
    ]


def test_a_python_that_is_gone_hides_no_server(stale, run_module, home, monkeypatch):
    """It runs on, and nobody can be asked whether it is ready."""
    (home / "instances/shop/httpd.pid").write_text(str(os.getpid()))
    conf = home / "instances/shop/httpd.conf"
    monkeypatch.setattr(
        mod_wsgi_status, "command_of", lambda pid: f"/usr/sbin/apache2 -f {conf}" * (pid == os.getpid())
    )
    (stale.venv / "bin/python").unlink()
    (found,) = run_module(mod_wsgi_status, home=str(home))["instances"]
    assert (found["state"], found["pid"]) == ("running", os.getpid())
    assert found["stale"] == [
        f"its Python in {stale.venv} does not run any more. Run the site playbook, which makes the environment anew"
    ]


def test_another_module(stale):
    module = stale.venv / "lib/python3.11/site-packages/mod_wsgi/server/mod_wsgi.so"
    module.write_text("another build")
    assert stale() == [
        "another build of the module is in its environment than the one it was set up with. Run the site playbook"
    ]
    module.unlink()
    assert stale() == [f"its module {module} is not there any more. Run the site playbook"]


def test_another_release_than_the_current_one(stale, home):
    def switch(version: str, venv: str) -> None:
        release = home / "apps/shop/releases" / version
        release.mkdir(parents=True, exist_ok=True)
        replace_link(venv, str(release / "venv"))
        replace_link(f"releases/{version}", str(home / "apps/shop/current"))

    switch("0123456789ab", "/v/shop-000000000001")
    assert stale() == []
    switch("0123456789ab", "/v/shop-000000000002")
    assert stale() == ["release 0123456789ab has another environment than the one it runs in. Run the site playbook"]
    switch("2", "/v/shop-000000000001")
    assert stale() == ["it runs release 0123456789ab, and 2 is the current one. Run the site playbook"]


def test_libraries_from_before_an_upgrade(tmp_path):
    """A process that has mapped a library which is then replaced, as packages are, and memory that is no file."""
    library = tmp_path / "libpython3.so.1.0"
    library.write_bytes(b"\0" * 4096)
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ), mmap.mmap(-1, 4096):
        assert staleness.upgraded(os.getpid(), "/opt/mod_wsgi") == []
        library.unlink()
        assert staleness.upgraded(os.getpid(), str(tmp_path)) == []
        assert staleness.upgraded(os.getpid(), "/opt/mod_wsgi") == [
            f"it runs with {library} from before an upgrade. Restart it: the playbooks stop and site"
        ]


def test_the_table_says_what_is_stale(stale, run_module, home):
    (stale.venv / "lib/python3.11/site-packages/mod_wsgi/server/mod_wsgi.so").unlink()
    head, shop = status.table(run_module(mod_wsgi_status, home=str(home))["instances"])
    assert head.split()[-1] == "stale"
    assert shop.endswith("is not there any more. Run the site playbook")
