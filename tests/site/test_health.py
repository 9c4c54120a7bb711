# SPDX-License-Identifier: Apache-2.0
"""Several instances of which some are not healthy: each of those is named, with its answer and the end of its log."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from harness.ports import free_port

PLAY = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Health",
                "ansible.builtin.include_role": {"name": "modwsgi.toolkit.mod_wsgi_instance", "tasks_from": "health"},
            }
        ],
    }
]


@pytest.fixture
def answering() -> Iterator[int]:
    """The port of a server whose paths are the codes that it answers with."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def instance(tmp_path: Path):
    """One whose log has twenty lines."""

    def make(name: str, port: int, path: str) -> dict[str, object]:
        logs = tmp_path / "log" / name
        logs.mkdir(parents=True)
        (logs / "error_log").write_text("".join(f"{name} line {number}.\n" for number in range(20)))
        health = {"path": path, "status": [200], "retries": 1}
        spec = {"name": name, "health": health, "server_name": None, "logs": {"dir": str(logs)}}
        return {"name": name, "spec": spec, "paths": {"url": f"http://127.0.0.1:{port}"}}

    return make


def test_each_that_is_not_healthy_is_named(play, checkout, tmp_path, answering, instance):
    nobody = free_port()
    servers = [
        instance("shop", answering, "/503"),
        instance("blog", answering, "/200"),
        instance("wiki", nobody, "/200"),
    ]
    (tmp_path / "health.yml").write_text(json.dumps(PLAY))
    collections = str(checkout / "collections")

    def health(servers: list[dict[str, object]]) -> tuple[int, str]:
        words = ["-e", json.dumps({"mod_wsgi_instance_servers": servers})]
        found = play(str(tmp_path / "health.yml"), *words, ANSIBLE_COLLECTIONS_PATH=collections)
        return found.returncode, " ".join((found.stdout + found.stderr).replace("\\n", " ").split())

    code, said = health(servers)
    assert code != 0
    assert f"instance 'shop' is not healthy: http://127.0.0.1:{answering}/503 gave Status code was 503" in said
    assert f"instance 'wiki' is not healthy: http://127.0.0.1:{nobody}/200 gave" in said
    assert "Connection refused" in said
    assert "instance 'blog' is not healthy" not in said
    for name in ("shop", "wiki"):
        assert f"The end of {tmp_path}/log/{name}/error_log: {name} line 5. {name} line 6." in said
        assert f"{name} line 19." in said
        assert f"{name} line 4." not in said
    assert "blog line" not in said

    code, said = health([servers[1]])
    assert code == 0, said
