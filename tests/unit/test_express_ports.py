# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_express: a port is looked at before anything is written, and may pass from one instance to another."""

from __future__ import annotations

import json
import socket

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_express


def test_a_taken_port_is_told_before_anything_is_written(world):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        world.plan("stop_start", "create")
        found = world.run(options={"port": holder.getsockname()[1], "host": "127.0.0.1"})
    assert found.failed
    assert "cannot be used (Address already in use)" in found["msg"]
    assert "choose another port" in found["msg"]
    assert not world.root.exists()
    assert world.server.told == []


@pytest.fixture
def taken():
    """A port on which somebody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@pytest.fixture
def others(world, tmp_path):
    """Neighbours by name: the port that each has now, and the one that it shall have."""

    def make(**ports: tuple[int, int]) -> list[dict[str, object]]:
        world.server.running = 4711
        for name, (has, _) in ports.items():
            state = tmp_path / "instances" / f"{name}.state"
            state.parent.mkdir(exist_ok=True)
            state.write_text(json.dumps({"port": str(has)}))
        roots = {name: str(tmp_path / "instances" / name) for name in ports}
        return [{"name": name, "server_root": roots[name], "port": wants} for name, (_, wants) in ports.items()]

    return make


@pytest.mark.parametrize("wants", [0, 8999], ids=["ends", "moves"])
def test_a_port_that_a_neighbour_lets_go_of_is_free(world, others, taken, wants):
    found = world.run(
        state="checked",
        python=None,
        options={"port": taken},
        neighbours=others(shop=(8998, taken), blog=(taken, wants)),
    )
    assert (found["changed"], found["port"]) == (False, 8998)


def test_a_neighbour_that_keeps_its_port_or_does_not_run_lets_go_of_nothing(world, others, taken):
    def refused(**ports: tuple[int, int]) -> bool:
        return world.run(state="checked", options={"port": taken}, neighbours=others(**ports)).failed

    assert refused(blog=(taken, taken))
    assert refused(blog=(8999, 0))
    gone = others(blog=(taken, 0))
    world.server.running = None
    assert world.run(state="checked", options={"port": taken}, neighbours=gone).failed


def test_ports_that_are_swapped_take_two_runs(world, others, taken):
    found = world.run(
        state="checked",
        options={"port": taken},
        neighbours=others(shop=(8998, taken), blog=(taken, 8999), wiki=(8999, 8998)),
    )
    assert found.failed
    assert found["msg"] == (
        f"instance 'shop': port {taken} is that of the instance 'blog', and each waits for another to let go of a "
        f"port: 'shop' wants {taken}, 'blog' wants 8999, 'wiki' wants 8998. Take two runs, the first with a free port "
        "for 'shop'"
    )


def test_a_port_must_be_free_when_it_is_taken(world, others, taken):
    """What is foreseen of a neighbour has happened before the turn of this instance, or it is an error."""
    world.plan("stop_start", "create")
    options = {"options": {"port": taken, "host": "127.0.0.1"}, "neighbours": others(blog=(taken, 0))}
    world.server.running = None
    assert world.run(check=True, **options).failed
    world.server.running = 4711
    assert not world.run(check=True, **options).failed
    assert world.run(**options).failed
    assert not world.root.exists()


def test_a_server_has_let_go_of_its_port_when_the_next_one_wants_it(world, monkeypatch):
    world.installed()
    waited: list[tuple[str, int]] = []
    monkeypatch.setattr(mod_wsgi_express, "wait_until_free", lambda *address: waited.append(address))
    world.plan("graceful", "change")
    world.run(options={"port": world.port, "host": "127.0.0.1", "threads": 7})
    assert waited == []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        other = probe.getsockname()[1]
    world.run(options={"port": other, "host": "127.0.0.1"})
    assert waited == [("127.0.0.1", world.port)]
