#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_balancer
short_description: Take a server out of a load balancer without losing a request, and put it back
version_added: 0.1.0
description:
  - Runs on the balancer, so delegate it there.
  - Drained, a server gets no new requests and may finish those that it has. The module waits until it has none left.
  - A balancer that is reloaded meanwhile forgets that, and is told again.
  - Ready, it gets requests again. The module waits until the balancer considers it usable.
  - A server that somebody put into maintenance (HAProxy C(maint), Apache C(Dis) or C(Stop)) is left alone.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  kind:
    description: HAProxy by its socket, or Apache's mod_proxy_balancer by its balancer-manager.
    type: str
    choices: [haproxy, apache]
    required: true
  address:
    description: Path of the socket of HAProxy (level admin), or the URL of the balancer-manager.
    type: str
    required: true
  backend:
    description: Name of the backend, or of Apache's balancer without C(balancer://).
    type: str
    required: true
  server:
    description: Name of the server in the backend, or the URL of Apache's worker.
    type: str
    required: true
  state:
    description: Whether it gets requests.
    type: str
    choices: [drained, ready]
    required: true
  seconds:
    description: How long to wait. After that it is an error.
    type: int
    default: 60
attributes:
  check_mode:
    description: Says whether it would change something, and does not wait.
    support: full
  diff_mode:
    description: There is no file to show.
    support: none
"""

EXAMPLES = r"""
- name: No more requests for this host
  modwsgi.toolkit.mod_wsgi_balancer:
    kind: haproxy
    address: /run/haproxy/admin.sock
    backend: shop
    server: "{{ inventory_hostname }}"
    state: drained
  delegate_to: balancer

- name: The same with Apache
  modwsgi.toolkit.mod_wsgi_balancer:
    kind: apache
    address: http://127.0.0.1/balancer-manager
    backend: shop
    server: http://web1:8080
    state: drained
  delegate_to: balancer
"""

RETURN = r"""
status:
  description: What the balancer says of the server in the end.
  returned: always
  type: str
requests:
  description: How many requests it has.
  returned: always
  type: int
"""

import csv
import http.client
import re
import socket
import time
import urllib.parse
import xml.etree.ElementTree
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

POLL = 0.2  # seconds between two looks
PATIENCE = 10  # seconds for one answer of the balancer
UNREACHABLE = (OSError, http.client.HTTPException)


class BalancerError(Exception):
    """The balancer cannot be asked, or knows no such server; the text says what was found."""


@dataclass(frozen=True)
class Server:
    status: str
    requests: int
    drained: bool
    usable: bool
    maintenance: bool


def pick(found: dict[str, object], wanted: str, what: str) -> object:
    if wanted not in found:
        known = ", ".join(sorted(found)) or "none"
        raise BalancerError(f"there is no {what} '{wanted}' (there are: {known}). Correct the name")
    return found[wanted]


class Haproxy:
    FORCED_MAINTENANCE, FORCED_DRAIN = 0x01, 0x08  # srv_admin_state

    def __init__(self, address: str, backend: str, server: str) -> None:
        self.address, self.backend, self.server = address, backend, server

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(self.address)
            connection.sendall(command.encode() + b"\n")
            parts = iter(lambda: connection.recv(65536), b"")
            return b"".join(parts).decode(errors="replace").strip()

    def _lines(self, command: str) -> list[str]:
        lines = self._ask(command).splitlines()
        if not lines:
            raise ConnectionResetError(f"no answer to '{command}'")
        return lines

    def look(self) -> Server:
        first, *more = self._lines("show stat")
        lines = [first.lstrip("# "), *more]
        rows = [row for row in csv.DictReader(lines) if row["svname"] not in ("FRONTEND", "BACKEND")]
        backends: dict[str, dict] = {}
        for row in rows:
            backends.setdefault(row["pxname"], {})[row["svname"]] = row
        row = pick(pick(backends, self.backend, "backend"), self.server, "server")
        admin = self._admin()
        status = row["status"]
        return Server(
            status=status,
            requests=int(row["scur"] or 0) + int(row["qcur"] or 0),
            drained=bool(admin & self.FORCED_DRAIN),
            usable=status.startswith("UP") or status == "no check",
            maintenance=bool(admin & self.FORCED_MAINTENANCE),
        )

    def _admin(self) -> int:
        """Who asked for the present state, as bits: HAProxy's word `DRAIN` may as well stand for a weight of 0."""
        lines = self._lines(f"show servers state {self.backend}")
        names = next((line.lstrip("# ").split() for line in lines if line.startswith("#")), [])
        for line in lines:
            row = dict(zip(names, line.split()))
            if row.get("srv_name") == self.server:
                return int(row["srv_admin_state"])
        raise BalancerError(
            f"the state of server '{self.server}' is not told. Is {self.address} a socket of level admin?"
        )

    def set(self, drained: bool) -> None:
        said = self._ask(f"set server {self.backend}/{self.server} state {'drain' if drained else 'ready'}")
        if said:
            raise BalancerError(f"it answers: {said}")


class Apache:
    SPACE = "{http://httpd.apache.org}"

    def __init__(self, address: str, backend: str, server: str) -> None:
        self.address, self.backend, self.server = address, backend, server
        self._nonce = ""

    def _ask(self, query: str = "", data: str | None = None) -> bytes:
        # Without a Referer of its own the manager takes every call for a forgery.
        answer = open_url(
            self.address + query,
            method="POST" if data else "GET",
            data=data,
            headers={"Referer": self.address},
            timeout=PATIENCE,
            use_proxy=False,
        )
        return answer.read()

    def look(self) -> Server:
        said = self._ask("?xml=1")
        try:
            root = xml.etree.ElementTree.fromstring(said)  # noqa: S314  (our own balancer)
        except xml.etree.ElementTree.ParseError as error:
            raise BalancerError("it does not answer as a balancer-manager. Correct the URL") from error

        def text(node: xml.etree.ElementTree.Element, name: str) -> str:
            return (node.findtext(self.SPACE + name) or "").strip()

        balancers = {text(node, "name").rpartition("://")[2]: node for node in root.iter(f"{self.SPACE}balancer")}
        balancer = pick(balancers, self.backend, "balancer")
        workers = {text(node, "name"): node for node in balancer.iter(f"{self.SPACE}worker")}
        worker = pick(workers, self.server, "worker")
        self._nonce = text(balancer, "nonce")
        status = text(worker, "status")
        words = set(re.findall(r"[A-Za-z]+", status))
        return Server(
            status=status,
            requests=int(text(worker, "busy") or 0),
            drained="Drn" in words,
            usable="Ok" in words,
            maintenance=bool(words & {"Dis", "Stop"}),
        )

    def set(self, drained: bool) -> None:
        fields = {"b": self.backend, "w": self.server, "nonce": self._nonce, "w_status_N": "1" if drained else "0"}
        self._ask(data=urllib.parse.urlencode(fields))


def arrived(server: Server, drained: bool) -> bool:
    if server.maintenance:
        return True
    return server.drained and not server.requests if drained else server.usable and not server.drained


def late(server: Server, drained: bool, seconds: int, trouble: Exception | None) -> str:
    """What was to be, what is, and what to do."""
    found = f"status {server.status}"
    if trouble:
        return f"within {seconds} s it did not answer any more ({trouble}); before that, {found}. See whether it runs"
    if not drained:
        return f"not usable within {seconds} s: {found}. See whether the server answers its health check"
    if not server.drained:
        return f"within {seconds} s it still gives it requests: {found}. Is the balancer reloaded again and again?"
    advice = "Raise mod_wsgi_rolling_drain_seconds, or see what they wait for"
    return f"not free within {seconds} s: {server.requests} requests, {found}. {advice}"


def bring(balancer: Haproxy | Apache, drained: bool, seconds: int, check: bool) -> tuple[bool, Server]:
    server = balancer.look()
    changed = server.drained != drained and not server.maintenance
    until = time.monotonic() + seconds
    while not check and not arrived(server, drained):
        trouble = None
        try:
            # Not only at first: a balancer that is reloaded forgets what it was told.
            if server.drained != drained:
                balancer.set(drained)
                changed = True
            server = balancer.look()
        except UNREACHABLE as error:
            trouble = error
        if trouble or not arrived(server, drained):
            if time.monotonic() >= until:
                raise BalancerError(late(server, drained, seconds, trouble))
            time.sleep(POLL)
    return changed, server


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "choices": ["haproxy", "apache"], "required": True},
            "address": {"type": "str", "required": True},
            "backend": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
            "seconds": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    params = module.params
    kind = {"haproxy": Haproxy, "apache": Apache}[params["kind"]]
    balancer = kind(params["address"], params["backend"], params["server"])
    try:
        changed, server = bring(balancer, params["state"] == "drained", params["seconds"], module.check_mode)
    except (BalancerError, *UNREACHABLE) as error:
        module.fail_json(
            msg=f"{params['kind']} {params['address']}, server '{params['server']}' of '{params['backend']}': {error}"
        )
    module.exit_json(changed=changed, status=server.status, requests=server.requests)


if __name__ == "__main__":
    main()
