# SPDX-License-Identifier: Apache-2.0
"""The example application, from nothing to an answer; a second run that touches nothing; and the end."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from harness.ports import free_port

from .conftest import Door, extra

TASKS = 40  # of a run that has nothing to do: each is a round trip to the host


def processes(root: Path) -> set[int]:
    """Ids of every process of the instance."""
    found = set()
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            try:
                if str(root / "httpd.conf") in (directory / "cmdline").read_text(errors="replace"):
                    found.add(int(directory.name))
            except OSError:
                continue
    return found


def times(home: Path) -> dict[str, int]:
    """When each file that the toolkit wrote was changed; logs and data are the application's."""
    return {
        str(path): path.lstat().st_mtime_ns
        for path in home.rglob("*")
        if not {"log", "data"} & set(path.relative_to(home).parts[:1])
    }


@pytest.fixture
def provision(play, place):
    """Gives a function that provisions the example through a door into a place of its own; stops it afterwards."""
    home, port = place / "home", free_port()
    variables = extra(
        mod_wsgi_home=home, mod_wsgi_log_dir=home / "log", mod_wsgi_data_dir=home / "data", mod_wsgi_port=port
    )
    if os.geteuid() == 0:
        variables += extra(mod_wsgi_user="www-data", mod_wsgi_service_manager="none")
    used: list[Door] = []

    def run(door: Door, *words: str, playbook: str = "site"):
        used.append(door)
        return play(door.playbooks[playbook], *variables, *words, python=door.python, **door.environment)

    run.home, run.port = home, port
    yield run
    run(used[-1], playbook="stop")


def check_answer(provision) -> None:
    """The example answers in daemon mode, and its service has written its log."""
    with urllib.request.urlopen(f"http://127.0.0.1:{provision.port}/status", timeout=20) as answer:
        status = json.load(answer)
    assert status["MOD_WSGI_EXPRESS"] == "true"
    assert status["mode"] == "daemon"
    assert status["mod_wsgi.version"]
    log = (provision.home / "log/guestbook/tally.log").read_text()
    assert "tally: started MOD_WSGI_EXPRESS=true" in log


def test_the_whole_way(provision, checkout_door):
    door, home, port = checkout_door, provision.home, provision.port
    foreseen = provision(door, "--check")
    assert foreseen.returncode == 0, foreseen.stdout + foreseen.stderr
    assert not home.exists()

    first = provision(door)
    assert first.returncode == 0, first.stdout + first.stderr
    assert set(re.findall(r"http://127\.0\.0\.1:\d+", first.stdout)) == {f"http://127.0.0.1:{port}"}
    check_answer(provision)

    root = home / "instances/guestbook"
    before, alive = times(home), processes(root)
    assert alive
    # With an index where nobody listens and without a compiler: a run that needs one of them fails.
    alone = {**door.environment, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0", "CC": "/nonexistent/cc"}
    second = provision(replace(door, environment=alone))
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.search(r"changed=0 +unreachable=0 +failed=0", second.stdout)
    recap = re.findall(r"\b(?:ok|skipped)=(\d+)", second.stdout)
    assert len(recap) == 2
    assert sum(map(int, recap)) <= TASKS, second.stdout
    assert times(home) == before
    assert processes(root) == alive

    changed = provision(door, "--check", "--diff", "-e", '{"mod_wsgi_instance_defaults": {"threads": 7}}')
    assert "-    threads=5" in changed.stdout
    assert "+    threads=7" in changed.stdout
    assert processes(root) == alive

    stopped = provision(door, playbook="stop")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert processes(root) == set()


@pytest.mark.parametrize("name", ["collection", "wheel"])
def test_the_other_doors(provision, name, request):
    door = request.getfixturevalue(f"{name}_door")
    made = provision(door)
    assert made.returncode == 0, made.stdout + made.stderr
    check_answer(provision)

    status = provision(door, playbook="status")
    assert re.search(r"guestbook  ready  ok +\d+", status.stdout), status.stdout + status.stderr

    assert "stale" not in status.stdout

    unasked = provision(door, playbook="uninstall")
    assert unasked.returncode != 0
    assert "nothing was removed" in unasked.stdout + unasked.stderr
    check_answer(provision)

    everything = extra(mod_wsgi_uninstall_confirm="all", mod_wsgi_uninstall_data="true")
    removed = provision(door, *everything, playbook="uninstall")
    assert removed.returncode == 0, removed.stdout + removed.stderr
    assert processes(provision.home / "instances/guestbook") == set()
    assert not provision.home.exists()
