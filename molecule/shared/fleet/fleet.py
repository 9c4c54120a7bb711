# SPDX-License-Identifier: Apache-2.0
"""What the scenarios of the fleet ask: the hosts themselves, both balancers, and what the load got."""

from __future__ import annotations

import json
import os

import testinfra
from testinfra.host import Host
from testinfra.utils.ansible_runner import AnsibleRunner

RUNNER = AnsibleRunner(os.environ["MOLECULE_INVENTORY_FILE"])
APPLICATION = "/opt/mod_wsgi/apps/shop"


def hosts(group: str) -> list[Host]:
    return [testinfra.get_host(f"podman://{name}") for name in sorted(RUNNER.get_hosts(group))]


def balancer() -> Host:
    return hosts("balancers")[0]


def served(host: Host) -> dict[str, str]:
    return json.loads(host.check_output("curl -fsS --max-time 10 http://127.0.0.1:8080/"))


def releases(host: Host) -> list[str]:
    return sorted(host.check_output(f"ls -A {APPLICATION}/releases").split())


def load() -> list[dict]:
    return json.loads(balancer().check_output("cat /root/load.json"))


def states() -> tuple[list[str], list[str]]:
    """What HAProxy and Apache say of the three hosts."""
    told = "s.connect('/run/haproxy/admin.sock'); s.send(b'show stat\\n'); print(s.makefile().read())"
    ask = f"import socket; s = socket.socket(socket.AF_UNIX); {told}"
    rows = [line.split(",") for line in balancer().check_output(f'python3 -c "{ask}"').splitlines()]
    haproxy = [row[17] for row in rows if row[0] == "shop" and row[1] not in ("FRONTEND", "BACKEND")]
    url = "http://127.0.0.1/balancer-manager"
    told = balancer().check_output(f"curl -fsS -H 'Referer: {url}' '{url}?xml=1'")
    apache = [line.split(">")[1].split("<")[0].strip() for line in told.splitlines() if "<httpd:status>" in line]
    return haproxy, apache
