# SPDX-License-Identifier: Apache-2.0
"""Ports that pass from one instance to another: what each is told of the others, and whose turn it is when."""

from __future__ import annotations

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import ports


def instance(name: str, port: int, state: str = "started") -> dict:
    return {"name": name, "state": state, "spec": {"port": port}, "paths": {"server_root": f"/opt/m/{name}"}}


def names(instances: list[dict], **has: int) -> list[str]:
    looks = [{"name": name, "port": port} for name, port in has.items()]
    return [each["name"] for each in ports.in_turn(instances, looks)]


def test_an_instance_that_shall_not_run_wants_no_port():
    found = ports.neighbours([instance("shop", 8001), instance("blog", 8002, "absent")], "systemd")
    assert found == [
        {"name": "shop", "server_root": "/opt/m/shop", "service": "mod_wsgi-shop.service", "port": 8001},
        {"name": "blog", "server_root": "/opt/m/blog", "service": "mod_wsgi-blog.service", "port": 0},
    ]
    assert ports.neighbours([instance("shop", 8001)], "none")[0]["service"] == ""


def test_who_has_a_port_comes_before_who_wants_it():
    wanted = [instance("a", 2), instance("b", 3), instance("c", 4), instance("d", 5)]
    assert names(wanted, a=1, b=2, c=3, d=5) == ["c", "b", "a", "d"]
    assert names(wanted, a=2, b=3, c=4, d=5) == ["a", "b", "c", "d"]
    assert names(wanted) == ["a", "b", "c", "d"]


def test_a_circle_loses_nobody():
    """It was refused before; an order is there all the same."""
    assert sorted(names([instance("a", 2), instance("b", 1)], a=1, b=2)) == ["a", "b"]


def test_a_port_of_an_instance_that_is_no_part_of_the_run():
    assert names([instance("a", 2), instance("b", 3)], gone=2) == ["a", "b"]
