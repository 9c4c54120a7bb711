# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_express: the smallest action, nothing on a second run, and nothing lost when a run fails in the middle.

The command and the server are stand-ins: a script that answers what the test says, and a server that remembers what it
was told. The real ones are tested where they live, and together by the scenarios of molecule.
"""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest


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


def test_code_that_is_still_to_come(world, tmp_path):
    """In check mode express is told where, so that it takes no offence at what a new release brings."""
    world.installed()

    def asked(**more: object) -> list[str]:
        world.run(code_dir="/srv/code", **more)
        return json.loads((tmp_path / "calls").read_text().splitlines()[-1])[0][2:]

    assert asked(check=True, release="two") == ["plan", "--json", "--coming", "/srv/code", "--options-file", "-"]
    assert asked(check=True, release="one") == ["plan", "--json", "--options-file", "-"]
    program = asked(check=True, release="one", coming=["/usr/bin/rotatelogs"])
    assert program == ["plan", "--json", "--coming", "/usr/bin/rotatelogs", "--options-file", "-"]
    assert "--coming" not in asked(release="two", coming=["/usr/bin/rotatelogs"])
    other_user = asked(check=True, release="two", opening=["/srv/apps"])
    assert other_user == ["plan", "--json", "--opening", "/srv/apps", "--options-file", "-"]


@pytest.fixture
def another_environment(world, tmp_path):
    """Arguments with an environment that is still to be made, of wheels that are still to be built. What the server was
    set up with is in place, and there express can be asked."""
    old = tmp_path / "venvs" / "old"
    (old / "bin").mkdir(parents=True)
    (old / "bin" / "python").symlink_to(tmp_path / "python")
    module = {"path": str(old / "lib/python3.11/site-packages/mod_wsgi/server/mod_wsgi.so"), "sha256": "0"}
    recorded = {"httpd": {"executable": "/usr/sbin/apache2"}, "module": module, "python": {"home": str(old)}}

    def make(home: Path) -> dict[str, object]:
        world.installed()
        (world.root / "httpd.conf").write_text(f"LoadModule wsgi_module {module['path']}")
        (world.root / "express.json").write_text(json.dumps(recorded))
        return {"python": str(home / "bin/python"), "venv": str(tmp_path / "venvs/new"), "wheels": ["not built yet"]}

    make.old, make.new = old, tmp_path / "venvs" / "new"
    return make


def test_another_build_of_the_server_is_foreseen(world, another_environment):
    """With releases: the path of the environment is that of the link, and stays."""
    arguments = another_environment(another_environment.old)
    found = world.run(check=True, release="two", **arguments)
    assert (found["action"], found["would_interrupt"]) == ("stop_start", True)
    assert found["files"] == [str(world.root / "express.json")]
    assert found["reasons"] == ["the code of the application changed", "module changed"]
    assert world.run(release="two", **arguments)["action"] == "usr1"  # the run believes express, which sees it itself


def test_an_environment_at_another_path_is_foreseen(world, another_environment):
    """Without releases: files that name the one from before will name the new one."""
    arguments = another_environment(another_environment.new)
    found = world.run(check=True, **arguments)
    assert found["action"] == "stop_start"
    assert found["files"] == [str(world.root / "httpd.conf"), str(world.root / "express.json")]
    assert found["reasons"] == ["module changed", "python changed"]


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


def test_another_service_manager_takes_over(world, unit):
    world.plan("stop_start", "create")
    world.run(**unit("x"))
    world.plan()
    world.server.told.clear()
    foreseen = world.run(check=True, service={"manager": "none"})
    assert (foreseen["action"], foreseen["would_interrupt"]) == ("stop_start", True)
    assert "the service manager changed" in foreseen["reasons"]
    assert unit.file.exists()
    found = world.run(service={"manager": "none"})
    assert found["files"] == foreseen["files"] == [str(unit.file)]
    assert world.server.told == ["stop", "disable", "define shop.service", "restart", "enable"]
    assert not unit.file.exists()
    assert world.run(service={"manager": "none"})["changed"] is False


@pytest.mark.parametrize("state", ["stopped", "absent"])
def test_the_service_manager_that_has_it_ends_it(world, unit, state):
    world.plan("stop_start", "create")
    world.run(**unit("x"))
    world.server.told.clear()
    found = world.run(state=state, service={"manager": "none"})
    assert (found["changed"], found["would_interrupt"]) == (True, True)
    assert world.server.told[:2] == ["stop", "disable"]
    assert unit.file.exists() is (state == "stopped")
