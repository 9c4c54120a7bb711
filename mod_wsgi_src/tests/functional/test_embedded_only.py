# SPDX-License-Identifier: Apache-2.0
"""The module without daemon mode, from the files that a system without fork() gets, run where it can be run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.building import SOURCE, server_python
from harness.server import Httpd

BUILD = """
import sys
from pathlib import Path
root, work = map(Path, sys.argv[1:])
sys.path[:0] = [str(root / "backend"), str(root)]
import compiler, find_httpd, find_python, sources
module = compiler.Compiler(find_httpd.find("auto", None), find_python.find())
module.build(sources.embedded(), work, work / "mod_wsgi.so")
"""


@pytest.fixture(scope="module")
def embedded_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("embedded-only")
    env = {**os.environ, "CFLAGS": "-O0 -DWSGI_EMBEDDED_ONLY", "MOD_WSGI_WERROR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [server_python(), "-c", BUILD, str(SOURCE), str(work)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd="/")
    assert done.returncode == 0, done.stderr
    return work / "mod_wsgi.so"


@pytest.fixture
def server(embedded_only: Path) -> Iterator[Httpd]:
    server = Httpd(embedded_only)
    try:
        yield server
    finally:
        server.dispose()


def test_it_serves(server: Httpd) -> None:
    alias = 'WSGIScriptAlias /responses "{apps}/responses.py"\nWSGIScriptAlias /inputs "{apps}/inputs.py"\n'
    server.configure("WSGIApplicationGroup %{GLOBAL}\n" + alias)
    server.start()
    assert server.get("/responses/hello").body == b"Hello World!"
    body = os.urandom(300000)
    assert eval(server.get("/inputs/read", method="POST", body=body).body) == body


def test_it_refuses_a_daemon_group(server: Httpd) -> None:
    server.configure("WSGIDaemonProcess app\n")
    code, said = server.check()
    assert code == 1
    assert "WSGIDaemonProcess: this build has no daemon mode" in said


def test_a_request_for_a_daemon_group(server: Httpd) -> None:
    """Nobody could define it: the same as any group that is not there."""
    server.configure('WSGIProcessGroup app\nWSGIScriptAlias / "{apps}/responses.py"\n')
    server.start()
    assert server.get("/hello").status == 500
    server.wait_log("MWS4088")
