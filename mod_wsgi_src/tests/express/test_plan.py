# SPDX-License-Identifier: Apache-2.0
"""plan says what would be written and which action follows; setup-server writes that and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in [root, *root.rglob("*")]}


def test_a_second_setup_writes_nothing(express):
    words = [express.apps / "hello.wsgi", "--service-script", "tasks", express.apps / "service.py"]
    express.setup(*words)
    before = snapshot(express.root)
    express.setup(*words)
    assert snapshot(express.root) == before


def test_only_what_differs_is_written(express):
    express.setup(express.apps / "hello.wsgi")
    before = snapshot(express.root)
    express.setup(express.apps / "hello.wsgi", "--threads", 7)
    changed = {Path(name).name for name, stamp in snapshot(express.root).items() if before.get(name) != stamp}
    assert changed == {"root", "httpd.conf"}  # the directory, since files in it appear by rename


def test_a_wrong_mode_is_put_right(express):
    express.setup(express.apps / "hello.wsgi")
    conf = express.root / "httpd.conf"
    conf.chmod(0o644)
    assert express.plan(express.apps / "hello.wsgi")["changed"] is True
    express.setup(express.apps / "hello.wsgi")
    assert conf.stat().st_mode & 0o777 == 0o600


def test_envvars_of_the_user_is_kept(express):
    express.setup(express.apps / "hello.wsgi")
    (express.root / "envvars").write_text("TEST_SECRET=mine; export TEST_SECRET\n")
    express.setup(express.apps / "hello.wsgi", "--threads", 3)
    assert "mine" in (express.root / "envvars").read_text()


def test_plan_touches_nothing(express):
    plan = express.plan(express.apps / "hello.wsgi")
    assert not express.root.exists()
    assert plan["action"] == "stop_start"
    assert plan["would_interrupt"] is False
    assert {file["state"] for file in plan["files"]} == {"create"}
    express.setup(express.apps / "hello.wsgi")
    before = snapshot(express.root)
    plan = express.plan(express.apps / "hello.wsgi", "--threads", 6)
    assert snapshot(express.root) == before
    conf = next(file for file in plan["files"] if file["path"].endswith("httpd.conf"))
    assert "+    threads=6" in conf["diff"]
    assert "-    threads=5" in conf["diff"]


@pytest.fixture
def words(express):
    """A set-up server with an application, a service and an environment file."""
    env = express.directory / "env.sh"
    env.write_text("TEST_SECRET=one; export TEST_SECRET\n")
    found = [
        express.apps / "hello.wsgi",
        *("--service-script", "tasks", express.apps / "service.py"),
        *("--service-script", "mail", express.apps / "package" / "web.py"),
        *("--envvars-script", env),
    ]
    express.setup(*found)
    return found


def test_nothing_changed(express, words):
    plan = express.plan(*words)
    assert (plan["action"], plan["changed"], plan["reasons"]) == ("none", False, [])


@pytest.mark.parametrize(
    "more",
    [
        ["--threads", 6],
        ["--processes", 2],
        ["--request-timeout", 5],
        ["--setenv", "TEST_A", "1"],
        ["--max-clients", 60],
    ],
)
def test_configuration_is_graceful(express, words, more):
    assert express.plan(*words, *more)["action"] == "graceful"


@pytest.mark.parametrize("more", [["--server-mpm", "worker"], ["--max-clients", 5000], ["--startup-log"]])
def test_what_httpd_reads_only_at_start_needs_stop_and_start(express, words, more):
    assert express.plan(*words, *more)["action"] == "stop_start"


def test_changed_environment_needs_stop_and_start(express, words):
    (express.directory / "env.sh").write_text("TEST_SECRET=two; export TEST_SECRET\n")
    plan = express.plan(*words)
    assert plan["action"] == "stop_start"
    assert plan["reasons"] == ["envvars changed"]
    assert "two" not in str(plan)


def test_changed_application_needs_usr1(express, words):
    with (express.apps / "hello.wsgi").open("a") as script:
        script.write("# changed\n")
    assert express.plan(*words)["action"] == "usr1"


def test_changed_service_needs_term_of_that_service(express, words):
    with (express.apps / "service.py").open("a") as script:
        script.write("# changed\n")
    plan = express.plan(*words)
    assert (plan["action"], plan["services"]) == ("term", ["tasks"])


def test_changed_application_and_service_is_graceful(express, words):
    for name in ("service.py", "hello.wsgi"):
        with (express.apps / name).open("a") as script:
            script.write("# changed\n")
    assert express.plan(*words)["action"] == "graceful"


def test_what_is_yet_to_come_is_no_error(express, words):
    """A release that brings another application, a service, packages and documents, and is not there yet."""
    code = express.directory / "code"
    more = [
        *("--service-script", "new", code / "new.py", "--python-path", code / "lib"),
        *("--document-root", code / "static", "--working-directory", code / "work"),
        *("--rotate-logs", "--rotatelogs-executable", express.directory / "rotatelogs"),
    ]
    found = express.run("plan", "--json", *express.options(code / "wsgi.py", *words[1:], *more))
    assert found.returncode == 2
    assert "does not exist" in found.stderr
    elsewhere = express.run("plan", *express.options(code / "wsgi.py", *words[1:], *more), "--coming", code / "lib")
    assert elsewhere.returncode == 2

    expected = ["--coming", code, "--coming", express.directory / "rotatelogs"]
    foreseen = express.plan(code / "wsgi.py", *words[1:], *more, *expected)
    (express.directory / "rotatelogs").symlink_to("/bin/cat")
    for name in ("lib", "static", "work"):
        (code / name).mkdir(parents=True)
    (code / "new.py").write_text((express.apps / "service.py").read_text())
    (code / "wsgi.py").write_text((express.apps / "hello.wsgi").read_text())
    done = express.plan(code / "wsgi.py", *words[1:], *more)
    assert foreseen["action"] == done["action"] == "graceful"

    def files(plan: dict) -> dict[str, str]:
        return {file["path"]: file["state"] for file in plan["files"]}

    assert files(foreseen) == files(done)


@pytest.mark.effect("processes")
def test_a_running_server_is_seen_with_its_daemons(express):
    words = [express.apps / "hello.wsgi", "--processes", 2, "--service-script", "tasks", express.apps / "service.py"]
    server = express.start(*words)
    server.fetch()
    plan = express.plan(*words)
    assert (plan["action"], plan["running"], plan["would_interrupt"]) == ("none", True, False)
    assert plan["pid"] == int((express.root / "httpd.pid").read_text())
    assert {group: len(pids) for group, pids in plan["daemons"].items()} == {
        f"localhost:{express.port}": 2,
        "service:tasks": 1,
    }
    assert express.plan(*words, "--server-mpm", "prefork")["would_interrupt"] is True
    assert express.plan(*words, "--threads", 3)["would_interrupt"] is False
    server.stop()
    assert express.plan(*words)["running"] is False


def test_every_file_is_whole_when_writing_fails(express):
    """A directory in which nothing can be made: the files that were there stay."""
    if os.geteuid() == 0:
        pytest.skip("the superuser may write everywhere")
    express.setup(express.apps / "hello.wsgi")
    before = express.conf()
    express.root.chmod(0o500)
    try:
        done = express.run("setup-server", *express.options(express.apps / "hello.wsgi", "--threads", 3))
    finally:
        express.root.chmod(0o700)
    assert done.returncode == 1
    assert express.conf() == before
