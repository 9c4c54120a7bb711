# SPDX-License-Identifier: Apache-2.0
"""What application and service scripts find in their environment."""

from __future__ import annotations

import os
import pwd
import signal

import pytest
from harness.server import server_account
from harness.waiting import until

ROOT = os.geteuid() == 0
OFF = (
    "RELOADER_ENABLED",
    "DEBUG_MODE",
    *(f"{tool}_ENABLED" for tool in ("DEBUGGER", "COVERAGE", "PROFILER", "RECORDER", "GDB")),
)
# What a caller's shell may still have from somewhere else.
STALE = {f"MOD_WSGI_{name}": "true" for name in OFF} | {"MOD_WSGI_SERVER_NAME": "stale", "MOD_WSGI_EXPRESS": "stale"}


@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_variables_of_the_application(express, mode):
    server = express.start(express.apps / "variables.wsgi", *mode, env=STALE)
    assert server.environ() == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "localhost",
        "MOD_WSGI_SERVER_ALIASES": "",
    }


@pytest.mark.effect("allow-localhost")
def test_variables_name_server_and_aliases(express):
    words = ["--server-name", "a.example.com", "--server-alias", "b.example.com", "--server-alias", "c.example.com"]
    server = express.start(express.apps / "variables.wsgi", *words, "--reload-on-changes", "--allow-localhost")
    assert server.environ() == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "a.example.com",
        "MOD_WSGI_SERVER_ALIASES": "b.example.com c.example.com",
        "MOD_WSGI_RELOADER_ENABLED": "true",
    }


def test_variables_of_a_module(express):
    (express.apps / "seen.py").write_text((express.apps / "variables.wsgi").read_text())
    server = express.start("seen", "--application-type", "module", "--working-directory", express.apps, env=STALE)
    assert server.environ()["MOD_WSGI_SERVER_NAME"] == "localhost"
    assert "MOD_WSGI_DEBUG_MODE" not in server.environ()


@pytest.mark.effect("service-script", "service-log")
def test_service_with_its_own_log(express):
    words = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    server = express.start(express.apps / "hello.wsgi", *words, env=STALE)
    log = express.root / "tasks_log"
    found = until(lambda: express.service_sees(log), "a line in the log of the service")
    assert found[0]["os"] == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "localhost",
        "MOD_WSGI_SERVER_ALIASES": "",
    }
    if ROOT:
        assert found[0]["uid"] == pwd.getpwnam(server_account()[0]).pw_uid
    assert "service sees" not in (express.root / "error_log").read_text()
    assert server.fetch().status == 200  # the virtual host of the log takes no request


@pytest.mark.effect("service-log-file")
def test_services_are_independent(express):
    """One without a log writes to the error log; one that is ended comes back, and the other stays."""
    words = ["--service-script", "one", express.apps / "service.py", "--service-log-file", "one", "one_log"]
    more = ["--service-script", "two", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, *more)
    logs = {"one": express.root / "one_log", "two": express.root / "error_log"}

    def pids(name: str) -> list[int]:
        return [found["pid"] for found in express.service_sees(logs[name])]

    until(lambda: pids("one") and pids("two"), "both services")
    before, other = pids("one")[-1], pids("two")[-1]
    os.kill(before, signal.SIGTERM)
    until(lambda: pids("one")[-1] != before, f"a successor of the service\n{server.text()}")
    assert pids("two") == [other]


@pytest.mark.effect("service-user")
@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_service_as_another_user(express):
    words = ["--service-script", "tasks", express.apps / "service.py", "--service-user", "tasks", "daemon"]
    server = express.start(express.apps / "hello.wsgi", *words, "--service-log", "tasks", "tasks_log")
    log = express.root / "tasks_log"
    found = until(lambda: express.service_sees(log), f"the service\n{server.text()}")
    assert found[0]["uid"] == pwd.getpwnam("daemon").pw_uid
