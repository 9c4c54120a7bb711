# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_balancer against the two interfaces that it speaks: a socket of HAProxy and a balancer-manager of Apache."""

from __future__ import annotations

import http.server
import socketserver
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_balancer


class Backend:
    """One server of a balancer. Requests that it still has end one with each look."""

    def __init__(self) -> None:
        self.requests, self.drained, self.maintenance, self.ends = 0, False, False, True
        self.events: list[str] = []  # what comes to pass before each of the first looks
        self.commands: list[str] = []

    def happens(self) -> str:
        event = self.events.pop(0) if self.events else ""
        if event in ("reload", "maintenance"):
            self.drained = False
        self.maintenance = self.maintenance or event == "maintenance"
        return event

    def looked(self) -> int:
        found = self.requests
        if self.drained and self.ends:
            self.requests = max(0, self.requests - 1)
        return found


class HaproxySocket(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        backend: Backend = self.server.backend
        command = self.rfile.readline().decode().strip()
        backend.commands.append(command)
        if command == "show stat" and backend.happens() == "silence":
            return
        self.wfile.write((self.answer(backend, command) + "\n").encode())

    def answer(self, backend: Backend, command: str) -> str:
        status = "MAINT" if backend.maintenance else "DRAIN" if backend.drained else "UP"
        if command == "show stat":
            rows = ["# pxname,svname,qcur,scur,status,", "shop,FRONTEND,,3,OPEN,"]
            return "\n".join([*rows, f"shop,web1,0,{backend.looked()},{status},", "shop,web2,0,0,UP,", ""])
        if command == "show servers state shop":
            admin = 1 if backend.maintenance else 8 if backend.drained else 0
            head = "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state"
            return f"1\n{head}\n3 shop 1 web1 10.0.0.1 2 {admin}\n"
        backend.drained = {
            "set server shop/web1 state drain": True,
            "set server shop/web1 state ready": False,
        }[command]
        return ""


class Manager(http.server.BaseHTTPRequestHandler):
    WORKER = (
        "<httpd:worker><httpd:name>http://web1:8080</httpd:name><httpd:status>{status}</httpd:status>"
        "<httpd:busy>{busy}</httpd:busy></httpd:worker>"
    )
    PAGE = (
        "<?xml version='1.0' encoding='UTF-8' ?><httpd:manager xmlns:httpd='http://httpd.apache.org'><httpd:balancers>"
        "<httpd:balancer><httpd:name>balancer://shop</httpd:name><httpd:nonce>n0nce</httpd:nonce><httpd:workers>{worker}"
        "</httpd:workers></httpd:balancer></httpd:balancers></httpd:manager>"
    )

    def do_GET(self) -> None:
        backend: Backend = self.server.backend
        if backend.happens() == "silence":
            return
        status = "Init Dis" if backend.maintenance else "Init Drn Ok" if backend.drained else "Init Ok"
        # Like httpd: without a Referer of its own the parameters are ignored, and the answer is a page for people.
        asked = self.path.endswith("?xml=1") and self.headers["Referer"] == self.server.url
        worker = self.WORKER.format(status=status, busy=backend.looked())
        self.reply(self.PAGE.format(worker=worker) if asked else "<html><br></html>")

    def do_POST(self) -> None:
        fields = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.server.backend.commands.append(str(fields))
        if (fields["b"], fields["w"], fields["nonce"]) == ("shop", "http://web1:8080", "n0nce"):
            self.server.backend.drained = fields["w_status_N"] == "1"
        self.reply("")

    def reply(self, text: str) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(params=["haproxy", "apache"])
def balancer(request: pytest.FixtureRequest, tmp_path: Path, run_module) -> Iterator[tuple]:
    """The server web1, and a function that runs the module on it."""
    backend = Backend()
    if request.param == "haproxy":
        address, name = str(tmp_path / "admin.sock"), "web1"
        server = socketserver.ThreadingUnixStreamServer(address, HaproxySocket)
    else:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Manager)
        address, name = f"http://127.0.0.1:{server.server_address[1]}/balancer-manager", "http://web1:8080"
        server.url = address
    server.backend = backend
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def run(state: str, check: bool = False, **more: object):
        args = {"kind": request.param, "address": address, "backend": "shop", "server": name, "state": state, **more}
        return run_module(mod_wsgi_balancer, check=check, **args)

    yield backend, run
    server.shutdown()
    server.server_close()
    thread.join()


def test_out_and_in_again(balancer):
    backend, run = balancer
    backend.requests = 3
    drained = run("drained")
    assert (drained["changed"], drained["requests"], backend.drained) == (True, 0, True)
    assert run("drained")["changed"] is False
    assert (run("ready")["changed"], backend.drained) == (True, False)
    assert run("ready")["changed"] is False


def test_it_waits_for_the_last_request_but_not_for_ever(balancer):
    backend, run = balancer
    backend.requests, backend.ends = 2, False
    refused = run("drained", seconds=0)
    assert refused.failed
    for part in ("web1", "of 'shop'", "not free within 0 s: 2 requests"):
        assert part in refused["msg"]


def test_a_balancer_that_forgets_is_told_again(balancer):
    backend, run = balancer
    backend.requests, backend.events = 5, ["", "", "reload", "", "reload"]
    drained = run("drained")
    assert (drained["changed"], drained["requests"], backend.drained) == (True, 0, True)
    assert backend.events == []
    assert len([command for command in backend.commands if "state drain" in command or "'1'" in command]) == 3


def test_one_that_always_forgets_is_an_error_that_says_so(balancer):
    backend, run = balancer
    backend.requests, backend.events = 5, ["reload"] * 1000
    refused = run("drained", seconds=0)
    assert refused.failed
    assert "within 0 s it still gives it requests: status " in refused["msg"]


def test_an_answer_that_fails_once_is_asked_for_again(balancer):
    backend, run = balancer
    backend.requests, backend.events = 3, ["", "silence", "silence"]
    assert run("drained")["requests"] == 0


def test_a_balancer_that_is_gone_meanwhile_is_an_error(balancer):
    backend, run = balancer
    backend.requests, backend.events = 3, ["", "silence"]
    refused = run("drained", seconds=0)
    assert refused.failed
    assert "within 0 s it did not answer any more" in refused["msg"]


def test_maintenance_in_the_middle_ends_the_wait(balancer):
    backend, run = balancer
    backend.requests, backend.events = 5, ["", "", "maintenance"]
    assert run("drained")["requests"] > 0
    assert run("ready")["changed"] is False


def test_maintenance_is_left_alone(balancer):
    backend, run = balancer
    backend.maintenance = True
    assert run("drained")["changed"] is False
    assert run("ready")["changed"] is False
    assert [command for command in backend.commands if "set server" in command or "w_status" in command] == []


def test_check_mode_changes_nothing(balancer):
    backend, run = balancer
    assert run("drained", check=True)["changed"] is True
    assert backend.drained is False


@pytest.mark.parametrize(
    ("more", "part"),
    [({"backend": "blog"}, "'blog' (there are: shop)"), ({"server": "web9"}, "'web9' (there are: ")],
)
def test_a_name_that_it_does_not_know(balancer, more, part):
    refused = balancer[1]("drained", **more)
    assert refused.failed
    assert part in refused["msg"]


def test_no_balancer_at_all(run_module, tmp_path):
    args = {"address": str(tmp_path / "none.sock"), "backend": "shop", "server": "web1", "state": "drained"}
    refused = run_module(mod_wsgi_balancer, kind="haproxy", **args)
    assert refused.failed
    assert "none.sock" in refused["msg"]
