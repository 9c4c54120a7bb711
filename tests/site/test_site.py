# SPDX-License-Identifier: Apache-2.0
"""The example application, from nothing to an answer; a second run that touches nothing; and the end."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path

import pytest

from .conftest import extra

pytestmark = pytest.mark.slow


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
def site(play, checkout, place, free_port):
    home = place / "home"
    variables = extra(
        mod_wsgi_home=home, mod_wsgi_log_dir=home / "log", mod_wsgi_data_dir=home / "data", mod_wsgi_port=free_port
    )
    if os.geteuid() == 0:
        variables += extra(mod_wsgi_user="www-data", mod_wsgi_service_manager="none")

    def run(*words: str, playbook: str = "site.yml"):
        return play(
            str(checkout / playbook), *variables, *words, ANSIBLE_COLLECTIONS_PATH=str(checkout / "collections")
        )

    run.home, run.port = home, free_port
    yield run
    run(playbook="playbooks/stop.yml")


def test_the_whole_way(site):
    foreseen = site("--check")
    assert foreseen.returncode == 0, foreseen.stdout + foreseen.stderr
    assert not site.home.exists()

    first = site()
    assert first.returncode == 0, first.stdout + first.stderr
    assert set(re.findall(r"http://127\.0\.0\.1:\d+", first.stdout)) == {f"http://127.0.0.1:{site.port}"}
    with urllib.request.urlopen(f"http://127.0.0.1:{site.port}/status", timeout=20) as answer:
        status = json.load(answer)
    assert status["MOD_WSGI_EXPRESS"] == "true"
    assert status["mode"] == "daemon"
    assert status["mod_wsgi.version"]
    log = (site.home / "log/guestbook/tally.log").read_text()
    assert "tally: started MOD_WSGI_EXPRESS=true" in log

    root = site.home / "instances/guestbook"
    before, alive = times(site.home), processes(root)
    assert alive
    second = site()
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.search(r"changed=0 +unreachable=0 +failed=0", second.stdout)
    assert times(site.home) == before
    assert processes(root) == alive

    changed = site("--check", "--diff", "-e", '{"mod_wsgi_instance_defaults": {"threads": 7}}')
    assert "-    threads=5" in changed.stdout
    assert "+    threads=7" in changed.stdout
    assert processes(root) == alive

    stopped = site(playbook="playbooks/stop.yml")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert processes(root) == set()
