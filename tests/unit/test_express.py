# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_express: the smallest action, nothing on a second run, and nothing lost when a run fails in the middle.

The command and the server are stand-ins: a script that answers what the test says, and a server that remembers what it
was told. The real ones are tested where they live, and together by the scenarios of molecule.
"""

from __future__ import annotations

import json
import signal
import socket
import stat
import sys
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import ServerError
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_express

EXPRESS = """#!{python}
import json, pathlib, sys
here = pathlib.Path({here!r})
command, request = sys.argv[3], json.load(sys.stdin)
with open(here / "calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], request]) + "\\n")
answer = json.loads((here / "answer").read_text())
if "error" in answer:
    sys.exit("mod_wsgi-express " + command + ": " + answer["error"])
if command == "plan":
    print(json.dumps(answer))
else:
    for file in answer["files"]:
        pathlib.Path(file["path"]).parent.mkdir(exist_ok=True)
        pathlib.Path(file["path"]).write_text("new")
"""


class FakeServer:
    """Remembers what it was told; `running` and `broken` are set by the test."""

    running: int | None = None
    broken = False
    enabled: bool | None = None  # as without a service manager
    told: list[str] = []
    signals: list[tuple[tuple[int, ...], str]] = []

    def __init__(self, root: str, service: str) -> None:
        self.root, self.service = root, service

    def pid(self) -> int | None:
        return type(self).running

    def restart(self) -> None:
        self.told.append("restart")
        if type(self).broken:
            type(self).broken = False  # the old configuration starts again
            raise ServerError("it does not start")
        type(self).running = 4711

    def graceful(self) -> None:
        self.told.append("graceful")

    def reload(self, python: str) -> None:
        self.told.append("reload")
        if type(self).broken:
            raise ServerError("the new version does not load, the old one serves on")

    def signal(self, pids: list[int], number: signal.Signals) -> None:
        self.signals.append((tuple(pids), number.name))

    def stop(self) -> None:
        self.told.append("stop")
        type(self).running = None

    def is_enabled(self) -> bool | None:
        return type(self).enabled

    def enable(self, wanted: bool) -> None:
        self.told.append("enable" if wanted else "disable")
        type(self).enabled = wanted

    def define(self) -> None:
        if self.service:
            self.told.append(f"define {self.service}")


@pytest.fixture
def world(tmp_path: Path, run_module, monkeypatch):
    root = tmp_path / "instances" / "shop"
    signals: list[tuple[tuple[int, ...], str]] = []
    python = tmp_path / "python"
    python.write_text(EXPRESS.format(python=sys.executable, here=str(tmp_path)))
    python.chmod(0o755)
    server = type("Server", (FakeServer,), {"told": [], "signals": signals})
    monkeypatch.setattr(mod_wsgi_express, "SERVERS", {"none": server, "systemd": server})
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    class World:
        def __init__(self) -> None:
            self.root, self.server, self.signals, self.port = root, server, signals, free
            self.env = tmp_path / "instances" / "shop.env"
            self.state = tmp_path / "instances" / "shop.state"

        def plan(self, action: str = "none", state: str = "same", **more: object) -> None:
            file = {"path": str(root / "httpd.conf"), "state": state, "diff": "- a\n+ b\n" if state != "same" else ""}
            daemons = {"main": [11, 12], "service:mail": [13]}
            answer = {"files": [file], "action": action, "reasons": [], "services": [], "daemons": daemons, **more}
            (tmp_path / "answer").write_text(json.dumps(answer))

        def error(self, text: str) -> None:
            (tmp_path / "answer").write_text(json.dumps({"error": text}))

        def calls(self) -> list[str]:
            return [json.loads(line)[0][2] for line in (tmp_path / "calls").read_text().splitlines()]

        def run(self, check: bool = False, **more: object):
            args = {
                "name": "shop",
                "server_root": str(root),
                "python": str(python),
                "options": {"port": self.port, "host": "127.0.0.1"},
                "env_file": str(self.env),
                "env_content": "export A=1\n",
                "release": "one",
                **more,
            }
            return run_module(mod_wsgi_express, check=check, **args)

        def installed(self) -> None:
            """The state after a first, good run."""
            self.plan("stop_start", "create")
            assert self.run()["changed"] is True
            self.server.told.clear()
            self.plan()

    return World()


def test_first_run_writes_and_starts(world):
    world.plan("stop_start", "create")
    found = world.run()
    assert (found["changed"], found["action"], found["would_interrupt"]) == (True, "stop_start", False)
    assert world.server.told == ["restart"]
    assert world.calls() == ["plan", "setup-server"]
    assert stat.S_IMODE(world.env.stat().st_mode) == 0o600
    assert world.env.read_text() == "export A=1\n"


def test_second_run_touches_nothing(world):
    world.installed()
    before = {path: path.stat().st_mtime_ns for path in world.root.parent.rglob("*")}
    found = world.run()
    assert (found["changed"], found["action"], found["files"]) == (False, "none", [])
    assert {path: path.stat().st_mtime_ns for path in world.root.parent.rglob("*")} == before
    assert world.server.told == []
    assert world.calls()[-1] == "plan"  # and no setup-server


def test_new_code_is_loaded_without_a_restart(world):
    world.installed()
    foreseen = world.run(check=True, release="two")
    assert world.server.told == []
    found = world.run(release="two")
    assert (found["action"], found["would_interrupt"]) == (foreseen["action"], foreseen["would_interrupt"])
    assert (found["action"], found["would_interrupt"]) == ("usr1", False)
    assert world.server.told == ["reload"]
    assert world.run(release="two")["changed"] is False


def test_new_code_that_does_not_load_is_tried_again(world):
    world.installed()
    world.server.broken = True
    found = world.run(release="two")
    assert found.failed
    assert "instance 'shop': the new version does not load, the old one serves on" in found["msg"]
    world.server.broken = False
    assert world.run(release="one")["action"] == "usr1"  # the old code again: whatever is half way must go
    assert world.run(release="one")["changed"] is False


def test_only_a_service(world):
    world.installed()
    world.plan("term", services=["mail"])
    assert world.run()["action"] == "term"
    assert world.signals == [((13,), "SIGTERM")]


def test_configuration_is_read_again_gracefully(world):
    world.installed()
    world.plan("graceful", "change")
    found = world.run()
    assert (found["action"], found["would_interrupt"]) == ("graceful", False)
    assert world.server.told == ["graceful"]


def test_environment_needs_stop_and_start_and_shows_names_only(world):
    world.installed()
    found = world.run(env_content="export A=1\nexport TOKEN='very secret value'\n")
    assert (found["action"], found["would_interrupt"]) == ("stop_start", True)
    assert world.server.told == ["restart"]
    assert "TOKEN" in found["msg"]
    assert "very secret value" not in json.dumps(found)
    assert world.env.read_text().endswith("'very secret value'\n")


def test_the_strongest_action_wins(world):
    world.installed()
    world.plan("graceful", "change")
    assert world.run(release="two", env_content="export A=2\n")["action"] == "stop_start"


def test_what_does_not_run_is_started(world):
    world.installed()
    world.server.running = None
    found = world.run()
    assert (found["changed"], found["action"], found["would_interrupt"]) == (True, "stop_start", False)
    assert "it does not run" in found["msg"]


def test_check_mode_predicts_and_writes_nothing(world):
    world.installed()
    before = {path: path.read_bytes() for path in world.root.parent.rglob("*") if path.is_file()}
    world.plan("graceful", "change")
    found = world.run(check=True, env_content="export A=2\n")
    assert (found["changed"], found["action"], found["would_interrupt"]) == (True, "stop_start", True)
    assert any("- a" in part["prepared"] for part in found["diff"])
    assert {path: path.read_bytes() for path in world.root.parent.rglob("*") if path.is_file()} == before
    assert world.server.told == []


def test_check_mode_on_a_bare_machine(world):
    found = world.run(check=True, python="/nonexistent/python")
    assert (found["changed"], found["action"]) == (True, "stop_start")
    assert not world.root.parent.exists()


def test_a_refused_configuration_leaves_everything(world):
    world.installed()
    before = {path: path.read_bytes() for path in world.root.parent.rglob("*") if path.is_file()}
    world.error("--threads: '0' is too small; give 1 or more")
    found = world.run(env_content="export A=2\n")
    assert found.failed
    assert found["msg"] == "instance 'shop': mod_wsgi-express plan: --threads: '0' is too small; give 1 or more"
    assert {path: path.read_bytes() for path in world.root.parent.rglob("*") if path.is_file()} == before
    assert world.server.told == []


def test_a_server_that_does_not_start_comes_back_as_it_was(world):
    world.installed()
    (world.root / "httpd.conf").write_text("old")
    world.plan("stop_start", "change")
    world.server.broken = True
    found = world.run(env_content="export A=2\n")
    assert found.failed
    assert "it does not start The previous configuration is back and serves." in found["msg"]
    assert (world.root / "httpd.conf").read_text() == "old"
    assert world.env.read_text() == "export A=1\n"
    assert world.server.told == ["restart", "restart"]
    world.plan()
    assert world.run()["changed"] is False  # as if nothing had been tried


def test_what_was_not_put_into_effect_is_remembered(world):
    world.installed()
    state = json.loads(world.state.read_text())
    world.state.write_text(json.dumps({**state, "pending": "graceful"}))  # killed between writing and acting
    found = world.run()
    assert (found["changed"], found["action"]) == (True, "graceful")
    assert "interrupted" in found["msg"]
    assert world.run()["changed"] is False


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


def test_checked_looks_at_the_port_and_at_the_python(world, tmp_path):
    assert world.run(state="checked", python=None)["changed"] is False
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = {"port": holder.getsockname()[1], "host": "127.0.0.1"}
        assert world.run(state="checked", python=None, options=taken).failed
    found = world.run(state="checked", python=str(tmp_path / "python3.99"))
    assert found.failed
    assert f"python {tmp_path}/python3.99 is not there or cannot be run" in found["msg"]
    assert not world.root.parent.exists()


def test_options_go_through_standard_input(world, tmp_path):
    world.plan("stop_start", "create")
    world.run(options={"port": world.port, "setenv": [["TOKEN", "secret"]]})
    for line in (tmp_path / "calls").read_text().splitlines():
        words, request = json.loads(line)
        assert "secret" not in " ".join(words)
        assert request["options"]["setenv"] == [["TOKEN", "secret"]]


def test_stopped(world):
    world.installed()
    assert world.run(check=True, state="stopped")["action"] == "stop"
    assert world.server.told == []
    assert world.run(state="stopped")["changed"] is True
    assert world.server.told == ["stop"]
    assert world.run(state="stopped")["changed"] is False


@pytest.fixture
def unit(world):
    """As under systemd: gives the argument `service` for a text of the unit."""
    world.server.enabled = False
    file = world.root.parent.parent / "units" / "user" / "shop.service"  # no such directory yet

    def make(text: str) -> dict[str, object]:
        return {"service": {"manager": "systemd", "name": "shop.service", "file": str(file), "content": text}}

    make.file = file
    return make


def test_a_service_is_defined_started_and_enabled(world, unit):
    world.plan("stop_start", "create")
    found = world.run(**unit("[Service]\n"))
    assert unit.file.read_text() == "[Service]\n"
    assert stat.S_IMODE(unit.file.stat().st_mode) == 0o644
    assert str(unit.file) in found["files"]
    assert world.server.told == ["define shop.service", "restart", "enable"]
    world.plan()
    assert world.run(**unit("[Service]\n"))["changed"] is False


@pytest.mark.parametrize("made", [True, False], ids=["its environment is there", "it is still to come"])
def test_a_new_instance_is_foreseen(world, unit, made):
    """What mod_wsgi-express will write, nobody can ask it yet: the server root stands for that."""
    world.plan("stop_start", "create")
    foreseen = world.run(check=True, **unit("x"), **({} if made else {"python": "/nonexistent/bin/python"}))
    assert not world.root.parent.exists()
    found = world.run(**unit("x"))
    for key in ("changed", "action", "files", "reasons", "would_interrupt", "msg"):
        assert found[key] == foreseen[key], key
    assert found["files"] == [str(world.root), str(world.env), str(unit.file)]


def test_scripts_that_are_still_to_come(world):
    """In check mode; else mod_wsgi-express itself has seen them."""
    world.installed()
    known = {"application": {"/srv/code/wsgi.py": "1"}, "services": {"mail": {"/srv/code/lib/mail.py": "2"}}}
    manifest = world.root / "express.json"
    manifest.write_text(json.dumps(known))

    def foreseen(check: bool = True, **scripts: str) -> tuple[str, list[str]]:
        paths = {path.replace("_", "/") + ".py": digest for path, digest in scripts.items()}
        found = world.run(check=check, release="two", code_dir="/srv/code", code_sha256=paths)
        return found["action"], found["files"]

    assert foreseen(wsgi="1", lib_mail="2", other="3") == ("usr1", [])
    assert foreseen(wsgi="new", lib_mail="2") == ("usr1", [str(manifest)])
    assert foreseen(wsgi="1", lib_mail="new") == ("usr1", [str(manifest)])
    assert foreseen(wsgi="new", lib_mail="new") == ("graceful", [str(manifest)])
    assert foreseen(check=False, wsgi="new", lib_mail="new") == ("usr1", [])


def test_a_changed_definition_needs_stop_and_start_and_check_mode_knows(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("[Service]\nNice=1\n"))
    world.plan()
    world.server.told.clear()
    foreseen = world.run(check=True, **unit("[Service]\nNice=2\n"))
    assert unit.file.read_text() == "[Service]\nNice=1\n"
    assert "-Nice=1\n+Nice=2\n" in foreseen["diff"][-1]["prepared"]
    found = world.run(**unit("[Service]\nNice=2\n"))
    for key in ("changed", "action", "files", "reasons", "would_interrupt", "diff"):
        assert found[key] == foreseen[key], key
    assert (found["action"], found["would_interrupt"]) == ("stop_start", True)
    assert world.server.told == ["define shop.service", "restart"]


def test_a_definition_that_does_not_start_comes_back_as_it_was(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("old"))
    world.plan()
    world.server.told.clear()
    world.server.broken = True
    assert world.run(**unit("new")).failed
    assert unit.file.read_text() == "old"
    assert world.server.told == ["define shop.service", "restart"] * 2


def test_what_does_not_start_with_the_machine_is_made_to(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("x"))
    world.plan()
    world.server.enabled = False
    world.server.told.clear()
    assert world.run(check=True, **unit("x"))["changed"] is True
    found = world.run(**unit("x"))
    assert (found["changed"], found["action"]) == (True, "none")
    assert world.server.told == ["enable"]


def test_stopped_does_not_start_with_the_machine(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("x"))
    world.server.told.clear()
    assert world.run(state="stopped", **unit("x"))["action"] == "stop"
    assert world.server.told == ["stop", "disable"]
    assert world.run(state="stopped", **unit("x"))["changed"] is False


def test_absent_leaves_nothing(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("x"))
    other = world.root.parent / "shop2.env"
    other.write_text("")
    foreseen = world.run(check=True, state="absent", **unit("x"))
    assert unit.file.exists()
    world.server.told.clear()
    found = world.run(state="absent", **unit("x"))
    assert (found["action"], found["would_interrupt"], found["files"]) == ("remove", True, foreseen["files"])
    assert world.server.told == ["stop", "disable", "define shop.service"]
    assert list(world.root.parent.iterdir()) == [other]
    assert not unit.file.exists()
    assert world.run(state="absent", **unit("x"))["changed"] is False
