# SPDX-License-Identifier: Apache-2.0
"""Addresses and host names, IPv6 included."""

from __future__ import annotations

import socket

import pytest
from harness.client import Connection


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
class TestIpv6:
    def test_all_addresses_by_default(self, express):
        server = express.start(express.apps / "hello.wsgi")
        assert server.fetch(host="::1").status == server.fetch(host="127.0.0.1").status == 200

    @pytest.mark.effect("host")
    @pytest.mark.parametrize("host", ["::1", "[::1]"])
    def test_one_address(self, express, host):
        server = express.start(express.apps / "hello.wsgi", "--host", host, host="::1")
        assert server.fetch(host="::1").status == 200
        assert server.fetch(headers=[("Host", f"[::1]:{express.port}")], host="::1").status == 200
        with pytest.raises(ConnectionRefusedError):
            Connection(express.port, "127.0.0.1")
        assert f"http://[::1]:{express.port}/" in server.output.read_text()

    def test_any_address(self, express):
        server = express.start(express.apps / "hello.wsgi", "--host", "::", host="::1")
        assert server.fetch(host="::1").status == 200


@pytest.mark.effect("port")
def test_ipv4_address(express):
    server = express.start(express.apps / "hello.wsgi", "--host", "127.0.0.1")
    assert server.fetch().status == 200


@pytest.mark.effect("server-name", "server-alias")
def test_host_names(express):
    words = ["--server-name", "www.example.com", "--server-alias", "*.example.org"]
    server = express.start(express.apps / "hello.wsgi", *words)

    def status(host: str) -> int:
        return server.fetch(headers=[("Host", host)]).status

    assert [status(name) for name in ("www.example.com", "x.example.org")] == [200, 200]
    assert [status(name) for name in ("other.example.net", "localhost")] == [403, 403]
    moved = server.fetch("/page", headers=[("Host", "example.com")])
    assert (moved.status, moved.get("Location")) == (301, f"http://www.example.com:{express.port}/page")
