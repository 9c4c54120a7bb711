# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_wheel: builds in the background, goes on after an interruption, and what is in the wheelhouse is whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_wheel

# A pip that says something, waits until it may go on, and writes a wheel in two halves.
PIP = """#!/bin/sh
echo "$@" >>{calls}
while [ $# -gt 0 ]; do
    [ "$1" = --wheel-dir ] && out=$2
    shift
done
echo compiling core.c
echo "PATH=$PATH" >>{calls}.path
printf half >"$out/thing-1-py3-none-any.whl"
while [ -e {hold} ]; do sleep 0.05; done
printf whole >"$out/thing-1-py3-none-any.whl"
exit {code}
"""


@pytest.fixture
def build(tmp_path: Path, run_module):
    class Build:
        calls = tmp_path / "calls"
        hold = tmp_path / "hold"
        wheelhouse = tmp_path / "wheelhouse"
        work = tmp_path / "work"

        def pip(self, code: int = 0) -> None:
            script = tmp_path / "pip"
            script.write_text(PIP.format(calls=self.calls, hold=self.hold, code=code))
            script.chmod(0o755)

        def step(self, wait: int = 20, check: bool = False, **more):
            return run_module(
                mod_wsgi_wheel,
                check=check,
                pattern="thing-1-*.whl",
                source="thing==1",
                pip=str(tmp_path / "pip"),
                work_dir=str(self.work),
                wait=wait,
                **{"wheelhouse": str(self.wheelhouse), **more},
            )

        def times_called(self) -> int:
            return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0

    found = Build()
    found.pip()
    yield found
    found.hold.unlink(missing_ok=True)  # whatever still waits may end


def test_built_once(build):
    first = build.step()
    assert (first["changed"], first["finished"]) == (True, True)
    assert Path(first["path"]).read_text() == "whole"
    second = build.step()
    assert (second["changed"], second["finished"], second["path"]) == (False, True, first["path"])
    assert build.times_called() == 1
    assert list(build.work.glob("job-*/")) == []


def test_progress_and_going_on_after_an_interruption(build):
    build.hold.touch()
    first = build.step(wait=1)
    assert first["finished"] is False
    assert first["msg"].endswith(" s: compiling core.c")
    assert list(build.wheelhouse.glob("*")) == []  # never half a wheel
    second = build.step(wait=1)  # as a new play would, and without a second build
    assert second["finished"] is False
    build.hold.unlink()
    assert build.step()["finished"] is True
    assert build.times_called() == 1


def test_a_result_that_nobody_fetched_is_fetched(build):
    build.hold.touch()
    build.step(wait=1)
    build.hold.unlink()
    deadline = time.monotonic() + 20
    while not list(build.work.glob("job-*/result")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert build.step(wait=5)["changed"] is True
    assert build.times_called() == 1


def test_a_failure_says_why_and_is_tried_again(build):
    build.pip(code=3)
    found = build.step()
    assert found.failed
    assert "thing==1 failed (3)" in found["msg"]
    assert "compiling core.c" in found["msg"]
    assert list(build.wheelhouse.glob("*")) == []
    build.pip()
    assert build.step()["finished"] is True


def test_check_mode_builds_nothing(build):
    found = build.step(check=True)
    assert (found["changed"], found["finished"]) == (True, True)
    assert build.times_called() == 0
    assert not build.work.exists()


def test_others_cannot_enter_the_work_directory(build):
    build.step()
    assert oct(build.work.stat().st_mode & 0o777) == "0o700"


def test_a_result_for_one_platform_key_is_none_for_another(build, tmp_path):
    build.hold.touch()
    build.step(wait=1)
    build.hold.unlink()
    other = build.step(wheelhouse=str(tmp_path / "other"))
    assert other["path"].startswith(str(tmp_path / "other"))
    assert build.step()["finished"] is True
    assert build.times_called() == 2


def test_directories_of_tools_come_before_path(build, tmp_path):
    build.step(path=["/usr/gnu/bin", "/opt/tools"])
    assert (tmp_path / "calls.path").read_text().startswith("PATH=/usr/gnu/bin:/opt/tools:")
