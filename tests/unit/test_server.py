# SPDX-License-Identifier: Apache-2.0
"""The running server, with a process that stands in for httpd: found by its pid file only while it is really ours."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils import server
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import Server, ServerError, port_error

# Goes to the background as httpd does, and writes its pid.
HTTPD = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    with open(sys.argv[1] + ".env", "w") as file:
        file.write("\\n".join(sorted(os.environ)))
    with open(os.path.join(os.path.dirname(sys.argv[1]), "httpd.pid"), "w") as file:
        file.write(str(os.getpid()))
    time.sleep(60)
"""


@pytest.fixture
def root(tmp_path: Path):
    (tmp_path / "httpd.conf").write_text("")
    (tmp_path / "httpd.py").write_text(HTTPD)
    (tmp_path / "apachectl").write_text(f"exec '{sys.executable}' '{tmp_path}/httpd.py' '{tmp_path}/httpd.conf'\n")
    yield tmp_path
    Server(str(tmp_path)).stop()


def test_start_and_stop(root, monkeypatch):
    monkeypatch.setenv("SESSION_SECRET", "x")
    found = Server(str(root))
    assert found.pid() is None
    found.start()
    pid = found.pid()
    assert pid is not None
    assert "SESSION_SECRET" not in (root / "httpd.conf.env").read_text()
    found.stop()
    assert found.pid() is None
    assert server.command_of(pid) == ""
    found.stop()  # again is no error


def test_a_pid_that_belongs_to_somebody_else_does_not_count(root):
    (root / "httpd.pid").write_text(str(os.getpid()))
    found = Server(str(root))
    assert found.pid() is None
    found.stop()  # and is not killed


def test_a_start_that_fails_says_what_it_said(root):
    (root / "apachectl").write_text("echo 'no such module'; exit 1\n")
    with pytest.raises(ServerError, match="no such module"):
        Server(str(root)).start()


@pytest.mark.parametrize("command_of", [server._from_proc, server._from_ps])
def test_a_zombie_is_not_a_server(command_of):
    assert Path(sys.executable).name in command_of(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert command_of(child.pid) == ""
    child.wait()


def test_a_command_line_that_ps_cut(monkeypatch):
    """Solaris: 80 bytes, and another file system of processes."""
    conf = "/opt/mod_wsgi/instances/a-rather-long-name-of-an-instance/httpd.conf"
    line = f"/usr/apache2/2.4/bin/httpd -f {conf}"
    other = line.replace("rather", "reader")
    assert server.names(line, conf)
    assert not server.names(line[:80], conf)
    monkeypatch.setattr(server.os.path, "exists", lambda path: False)
    assert [server.names(text, conf) for text in (line, line[:80], line[:79])] == [True] * 3
    assert [server.names(text, conf) for text in (other, other[:80], line[:60])] == [False] * 3


def test_waiting_for_a_port_ends_when_it_is_free(monkeypatch):
    """Closed by whoever has it at the second look; and without end it is not waited."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        naps: list[float] = []
        monkeypatch.setattr(server.time, "sleep", naps.append)
        monkeypatch.setattr(server, "FREE_SECONDS", -1)
        server.wait_until_free("127.0.0.1", port)
        assert len(naps) <= 1
        monkeypatch.setattr(server, "FREE_SECONDS", 60)
        monkeypatch.setattr(server.time, "sleep", lambda _: holder.close())
        server.wait_until_free("127.0.0.1", port)
    assert port_error("127.0.0.1", port) is None


def test_ports():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        assert "Address already in use" in (port_error("127.0.0.1", port) or "")
        assert "Address already in use" in (port_error(None, port) or "")
    assert port_error("127.0.0.1", port) is None
    assert "cannot be resolved" in (port_error("no-such-host.invalid", port) or "")
