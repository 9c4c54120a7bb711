# SPDX-License-Identifier: Apache-2.0
"""What the commands of SMF are asked, by stand-ins that write it down. Those of the scenario `solaris` do the work."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import ServerError
from ansible_collections.modwsgi.toolkit.plugins.module_utils.smf import SmfServer
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import services

FMRI = "svc:/application/mod_wsgi:shop"
# The file state holds what svcs and svcprop tell; the words in the file refuse are answered with an error.
COMMAND = """#!/bin/sh
name=${{0##*/}}
case $name in
svcs) [ -s {here}/state ] && exec cat {here}/state; exit 1 ;;
svcprop)
    case $2 in
    general/enabled) [ -s {here}/enabled ] && exec cat {here}/enabled; exit 1 ;;
    *) echo {here}/log; exit 0 ;;
    esac ;;
esac
echo "$name $*" >>{here}/asked
if grep -qsxF "$1" {here}/refuse; then
    echo "$name: it will not" >&2
    exit 3
fi
"""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs something on a server in a state; returns the answer, and the commands that change something."""
    (tmp_path / "bin").mkdir()
    for name in ("svcs", "svcprop", "svcadm", "svccfg"):
        program = tmp_path / "bin" / name
        program.write_text(COMMAND.format(here=tmp_path))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    server = SmfServer(str(tmp_path / "shop"), FMRI)
    monkeypatch.setattr(server, "wait_for_start", lambda said: None)
    (tmp_path / "log").write_text("[ method start exited with status 96 ]\n")

    def ask(what: str, *arguments: object, state: str = "", enabled: str = "", refuse: str = "", manifest: bool = True):
        for name, text in {"asked": "", "state": state, "enabled": enabled, "refuse": refuse}.items():
            (tmp_path / name).write_text(text)
        if manifest:
            (tmp_path / "shop.xml").write_text("<service_bundle/>")
        else:
            (tmp_path / "shop.xml").unlink(missing_ok=True)
        return getattr(server, what)(*arguments), (tmp_path / "asked").read_text().splitlines()

    return ask


def test_a_manifest_is_validated_and_imported(asked, tmp_path):
    manifest = tmp_path / "shop.xml"
    assert asked("define")[1] == [f"svccfg validate {manifest}", f"svccfg import {manifest}"]
    with pytest.raises(ServerError, match=r"svccfg validate .*shop\.xml: exit code 3\. svccfg: it will not"):
        asked("define", refuse="validate")


def test_an_instance_goes_with_its_manifest(asked):
    assert asked("define", state="disabled", manifest=False)[1] == [f"svccfg delete -f {FMRI}"]
    assert asked("define", manifest=False)[1] == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("disabled", [f"svcadm enable -s {FMRI}"]),
        ("online*", [f"svcadm enable -s {FMRI}"]),
        ("maintenance", [f"svcadm clear {FMRI}", f"svcadm enable -s {FMRI}"]),
    ],
)
def test_start(asked, state, words):
    assert asked("start", state=state)[1] == words


def test_a_start_that_fails_says_what_the_method_said(asked):
    with pytest.raises(ServerError, match=r"enable -s svc:.*: exit code 3.* The end of .*/log: \[ method start exited"):
        asked("start", state="disabled", refuse="enable")


def test_stop_is_for_now(asked):
    assert asked("stop", state="online")[1] == [f"svcadm disable -s -t {FMRI}"]
    assert asked("stop", state="disabled")[1] == []
    assert asked("stop")[1] == []


def test_reload_needs_one_that_is_online(asked):
    assert asked("graceful", state="online")[1] == [f"svcadm refresh {FMRI}"]
    assert asked("graceful", state="offline")[1] == [f"svcadm disable -s -t {FMRI}", f"svcadm enable -s {FMRI}"]


def test_with_the_machine(asked):
    assert asked("is_enabled", enabled="true")[0] is True
    assert asked("is_enabled", enabled="false")[0] is False
    assert asked("is_enabled")[0] is None
    assert asked("enable", True)[1] == [f"svcadm enable -s {FMRI}"]
    assert asked("enable", False)[1] == [f"svcadm disable -s {FMRI}"]


def test_the_service_of_an_instance():
    described = services.describe("shop", "smf", "/opt/mod_wsgi/instances/shop")
    assert described == {"manager": "smf", "name": FMRI, "file": "/opt/mod_wsgi/instances/shop.xml"}
