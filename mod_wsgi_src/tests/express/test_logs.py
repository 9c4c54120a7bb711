# SPDX-License-Identifier: Apache-2.0
"""Logs and the status page."""

from __future__ import annotations

import pytest
from harness.waiting import until


@pytest.mark.effect("log-directory", "access-log", "access-log-format", "startup-log", "error-log-name")
def test_logs_in_their_directory(express):
    logs = express.directory / "logs"
    words = ["--log-directory", logs, "--access-log", "--startup-log", "--error-log-name", "errors"]
    server = express.start(
        express.apps / "hello.wsgi", *words, "--access-log-format", "combined", "--log-level", "info"
    )
    server.fetch("/logged", [("User-Agent", 'an "agent"')])
    until(lambda: "/logged" in (logs / "access_log").read_text(), "a line in the access log")
    assert (logs / "access_log").read_text().rstrip().endswith('"an \\"agent\\""')
    assert "resuming normal operations" in (logs / "errors").read_text()
    assert (logs / "startup_log").exists()
    assert not (express.root / "error_log").exists()
    assert logs.stat().st_mode & 0o007 == 0


@pytest.mark.effect("log-to-terminal")
def test_logs_on_the_terminal(express):
    words = ["--log-to-terminal", "--access-log", "--service-script", "tasks", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, "--service-log", "tasks", "tasks_log")
    server.fetch("/logged")
    until(lambda: "GET /logged" in server.output.read_text(), f"the access log\n{server.text()}")
    until(lambda: express.service_sees(server.output), f"the log of the service\n{server.text()}")
    assert "resuming normal operations" in server.output.read_text()
    assert not (express.root / "error_log").exists()


@pytest.mark.effect("rotate-logs", "rotatelogs-executable", "max-log-size")
def test_rotated_logs(express):
    program = express.directory / "rotate logs"  # what a start gives it, kept in plain files
    program.write_text('#!/bin/sh\ncat >>"$1.$2"\n')
    program.chmod(0o755)
    words = ["--rotate-logs", "--rotatelogs-executable", program, "--max-log-size", 7, "--access-log"]
    more = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    server = express.start(express.apps / "hello.wsgi", *words, *more)
    server.fetch("/logged")
    error, access, tasks = (express.root / f"{name}_log.%Y-%m-%d-%H_%M_%S.7M" for name in ("error", "access", "tasks"))
    until(lambda: access.exists() and "/logged" in access.read_text(), "access log")
    until(lambda: express.service_sees(tasks), "service log")
    assert "resuming normal operations" in error.read_text()


@pytest.mark.effect("keep-logs")
def test_rotated_logs_are_pruned(express):
    """By the program that rotatelogs runs for each new file."""
    program = express.directory / "rotate logs"  # begins its file as rotatelogs does
    program.write_text('#!/bin/sh\nnew=${3%.%*}.2026-02-03-04_05_06; : >"$new"; "$2" "$new"; cat >>"$new"\n')
    program.chmod(0o755)
    logs = express.directory / "logs"
    logs.mkdir()
    old = [f"error_log.2025-0{month}-01-00_00_00" for month in (1, 2, 3, 4)]
    for name in (*old, "error_log", "error_log.kept", "access_log.2020-01-01-00_00_00"):
        (logs / name).write_text("")
    words = ["--log-directory", logs, "--rotate-logs", "--rotatelogs-executable", program, "--keep-logs", 3]
    express.start(express.apps / "hello.wsgi", *words)
    wanted = {
        "error_log",
        "error_log.kept",
        "access_log.2020-01-01-00_00_00",
        *old[2:],
        "error_log.2026-02-03-04_05_06",
    }
    until(lambda: {path.name for path in logs.iterdir()} == wanted, f"{wanted}, has {sorted(logs.iterdir())}")


@pytest.mark.effect("server-status")
def test_server_status(express):
    server = express.start(express.apps / "hello.wsgi", "--server-status")
    assert "Server Version" in server.fetch("/server-status").text
    assert server.fetch("/x").body == b"app '' '/x'"
