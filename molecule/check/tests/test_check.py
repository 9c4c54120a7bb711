# SPDX-License-Identifier: Apache-2.0
"""What check mode says, and what the run then does. The tests are one story from a bare host on, in this order."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from runs import NAMES, Run, instances, play
from testinfra.host import Host

CHECKOUT = Path(__file__).resolve().parents[3]
PLAIN = {"name": "plain", "port": 8005, "app_type": "module", "app": "wsgiref.simple_server", "callable": "demo_app"}
LIST = CHECKOUT / "docs" / "guides" / "check-mode.md"


def documented(heading: str) -> set[str]:
    """The tasks that the document lists under a heading."""
    section = LIST.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE))


def everything(host: Host) -> str:
    """Every file with its time of change, but for what Ansible leaves for the time of a task, and for logs."""
    return host.check_output(
        "find /etc /opt /var/lib /var/log /usr -xdev -type f ! -path '/var/log/journal/*' ! -path '/var/lib/systemd/*' "
        "! -path '*/__pycache__/*' ! -path '/var/log/mod_wsgi/*' ! -path '/var/log/apt/*' "
        "-printf '%p %T@\\n' | LC_ALL=C sort"
    )


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("play")


@pytest.fixture(scope="module")
def source(directory: Path) -> Path:
    for name in NAMES:
        shutil.copytree(CHECKOUT / "molecule" / "shared" / "app", directory / "source" / name)
        (directory / "source" / name / "requirements.txt").write_text("itsdangerous==2.1.2\n")
    return directory / "source"


def passed(run: Run) -> Run:
    assert run.code == 0, run.output[-4000:]
    return run


def predicted(host: Host, directory: Path, wanted: list, *arguments: str) -> tuple[Run, Run]:
    """Check mode, which changes nothing, and the run."""
    before = everything(host)
    foreseen = passed(play(directory, wanted, "--check", "--diff", *arguments))
    assert everything(host) == before
    return foreseen, passed(play(directory, wanted, *arguments))


def later(source: Path, **changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the instances are at the end of test_a_removed_one_and_a_named_release, and what changes after it."""
    now: dict[str, dict[str, Any]] = {
        "shop": {"source": None, "release": {"src": str(source / "shop"), "version": "2"}},
        "blog": {"state": "absent"},
        "wiki": {
            "env": {"COLOUR": "red"},
            "env_secret": {"TOKEN": "canary-two"},
            "options": {"limit_request_body": 1000000},
        },
    }
    return {name: {**now.get(name, {}), **changes.get(name, {})} for name in {**now, **changes}}


def extended(source: Path) -> dict[str, dict[str, Any]]:
    """What the instances are at the end of test_another_build_of_the_server, with a release of another kind."""
    worker, mailer = ({"name": name, "script": f"{name}.py"} for name in ("worker", "mailer"))
    return later(
        source,
        shop={
            "port": 8003,
            "release": {"src": str(source / "shop"), "version": "3"},
            "services": [worker, mailer],
            "document_root": "static",
        },
        wiki={"port": 8004, "credentials": [{"name": "key", "path": "/etc/hostname"}]},
    )


def test_a_bare_host(host: Host, directory: Path, source: Path) -> None:
    foreseen, done = predicted(host, directory, instances(source))
    assert set(foreseen.servers()) == set(done.servers()) == set(NAMES)
    assert set(foreseen.actions().values()) == set(done.actions().values()) == {"stop_start"}
    missed = done.tasks("changed") - foreseen.tasks("changed")
    assert missed == documented("What check mode cannot foresee on a bare host")
    assert foreseen.tasks("changed") - done.tasks("changed") == documented("What only check mode says")


def test_a_host_with_nothing_to_do(host: Host, directory: Path, source: Path) -> None:
    foreseen, done = predicted(host, directory, instances(source))
    for run in (foreseen, done):
        assert run.tasks("changed") == set()
        assert run.servers() == dict.fromkeys(NAMES, ("none", (), False))


def test_code_threads_and_environment(host: Host, directory: Path, source: Path) -> None:
    script = source / "shop" / "wsgi.py"
    script.write_text(script.read_text() + "# another version\n")
    wanted = instances(
        source, blog={"threads": 7}, wiki={"env": {"COLOUR": "red"}, "env_secret": {"TOKEN": "canary-two"}}
    )
    foreseen, done = predicted(host, directory, wanted)
    assert foreseen.servers() == done.servers()
    assert "none" not in done.actions().values()
    assert done.actions()["blog"] == "graceful"
    assert done.actions()["wiki"] == "stop_start"
    assert re.search(r"^\+.*threads=7", foreseen.output, re.MULTILINE)
    for run in (foreseen, done):
        assert "canary" not in run.output
        assert "COLOUR, TOKEN" in run.output


def test_packages_a_stop_and_a_new_one(host: Host, directory: Path, source: Path) -> None:
    (source / "shop" / "requirements.txt").write_text("itsdangerous==2.2.0\n")
    shutil.copytree(source / "blog", source / "news")
    wanted = instances(
        source,
        blog={"state": "stopped"},
        wiki={"env": {"COLOUR": "red"}, "env_secret": {"TOKEN": "canary-two"}},
        news={"port": 8004, "source": str(source / "news"), "app": "wsgi.py", "env": {"COLOUR": "new"}},
    )
    foreseen, done = predicted(host, directory, wanted)
    assert foreseen.servers() == done.servers()
    assert done.actions() == {"shop": "usr1", "blog": "stop", "wiki": "none", "news": "stop_start"}
    assert foreseen.tasks("changed") == done.tasks("changed")


def test_a_removed_one_and_a_named_release(host: Host, directory: Path, source: Path) -> None:
    news = {"port": 8004, "source": str(source / "news"), "app": "wsgi.py", "env": {"COLOUR": "new"}}
    wanted = instances(source, **later(source, news=news))
    foreseen, done = predicted(host, directory, wanted)
    assert foreseen.servers() == done.servers()
    assert done.actions() == {"shop": "usr1", "blog": "remove", "wiki": "graceful", "news": "none"}
    assert foreseen.tasks("changed") == done.tasks("changed")


def test_ports_change_hands(host: Host, directory: Path, source: Path) -> None:
    """Each but the last wants the port of the next one; the last goes away. A new instance has no code of its own."""
    wanted = instances(source, **later(source, shop={"port": 8003}, wiki={"port": 8004}, news={"state": "absent"}))
    wanted.append(PLAIN)
    foreseen, done = predicted(host, directory, wanted)
    assert foreseen.servers() == done.servers()
    assert done.actions() == {
        "shop": "stop_start",
        "blog": "none",
        "wiki": "stop_start",
        "news": "remove",
        "plain": "stop_start",
    }
    assert foreseen.tasks("changed") == done.tasks("changed")


def test_ports_that_are_swapped_are_refused(host: Host, directory: Path, source: Path) -> None:
    before = everything(host)
    wanted = instances(source, **later(source, shop={"port": 8004}, wiki={"port": 8003}))
    refused = play(directory, wanted)
    assert refused.code != 0
    assert "'shop' wants 8004, 'wiki' wants 8003. Take two runs" in " ".join(refused.output.split())
    assert everything(host) == before


def test_another_build_of_the_server(host: Host, directory: Path, source: Path) -> None:
    """Not built yet while check mode looks; and then the one from before, which is in the wheelhouse of the host."""
    wanted = [*instances(source, **later(source, shop={"port": 8003}, wiki={"port": 8004})), PLAIN]
    listed = documented("What check mode cannot foresee on a bare host")
    for environment in ({"CFLAGS": "-O1 -g"}, {}):
        more = ["--extra-vars", json.dumps({"mod_wsgi_build_environment": environment})]
        foreseen, done = predicted(host, directory, wanted, *more)
        assert foreseen.servers() == done.servers()
        assert done.actions() == {
            **dict.fromkeys(["shop", "wiki", "plain"], "stop_start"),
            "blog": "none",
        }
        assert done.tasks("changed") - foreseen.tasks("changed") <= listed


def test_what_a_release_brings_along_rotation_and_a_credential(host: Host, directory: Path, source: Path) -> None:
    """A script and a directory that no release had before, and rotatelogs, which is still to be installed."""
    (source / "shop" / "static").mkdir()
    (source / "shop" / "static" / "robots.txt").write_text("User-agent: *\n")
    shutil.copy(source / "shop" / "worker.py", source / "shop" / "mailer.py")
    wanted = [*instances(source, **extended(source)), {**PLAIN, "logs": {"rotate": {"size_mb": 1, "keep": 2}}}]
    foreseen, done = predicted(host, directory, wanted)
    assert foreseen.servers() == done.servers()
    assert done.actions()["wiki"] == "stop_start"
    assert "none" not in {done.actions()[name] for name in ("shop", "wiki", "plain")}
    assert foreseen.tasks("changed") == done.tasks("changed")


def test_another_user_and_the_way_back(host: Host, directory: Path, source: Path) -> None:
    now = extended(source)
    now["shop"].update(user="www-data", group="www-data")
    now["wiki"].update(credentials=[], logs={"level": "info"})
    foreseen, done = predicted(host, directory, [*instances(source, **now), {**PLAIN, "logs": {"access": True}}])
    assert foreseen.servers() == done.servers()
    assert done.actions()["shop"] == "stop_start"
    assert "none" not in {done.actions()[name] for name in ("shop", "wiki", "plain")}
    assert foreseen.tasks("changed") == done.tasks("changed")
