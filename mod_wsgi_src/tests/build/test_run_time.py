# SPDX-License-Identifier: Apache-2.0
"""The httpd is chosen again when it is started."""

from __future__ import annotations

import json
from pathlib import Path

import build_fakes
from build_fakes import BUNDLED, MAGIC, SYSTEM
from build_front import Front, Venv


def locate(front: Front, venv: Venv, *arguments: str, **extra: str) -> dict[str, object]:
    return json.loads(front.run(venv.python, "-m", "mod_wsgi.express.httpd", *arguments, **extra))


def refuse(front: Front, venv: Venv, *arguments: str, **extra: str) -> str:
    done = front.attempt(venv.python, "-m", "mod_wsgi.express.httpd", *arguments, **extra)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert len(done.stdout.splitlines()) == 1
    return done.stdout


def install(front: Front, wheel: Path, name: str = "venv", bundled: str | None = None) -> Venv:
    venv = front.venv(name, bundled)
    venv.unpack(wheel)
    return venv


def test_one_wheel_in_two_environments(front: Front, stub_wheel: Path) -> None:
    with_httpd, without = front.venv("with", BUNDLED), front.venv("without")
    for venv in (with_httpd, without):
        front.run(venv.pip, "install", stub_wheel)
        assert venv.facts()["httpd"]["version"] == SYSTEM
    found = locate(front, with_httpd)
    assert (found["executable"], found["version"], found["source"]) == (with_httpd.own_httpd(), BUNDLED, "bundled")
    found = locate(front, without)
    assert (found["executable"], found["version"], found["source"]) == (
        str(without.facts()["httpd"]["executable"]),
        SYSTEM,
        "recorded",
    )


def test_wheel_built_with_a_bundled_httpd_runs_without_it(front: Front, stub_tree: Path) -> None:
    directory = front.directory / "wheels"
    front.run(front.venv("with", BUNDLED).pip, "wheel", "-w", directory, stub_tree)
    without = front.venv("without")
    front.run(without.pip, "install", next(directory.glob("*.whl")))
    found = locate(front, without, PATH=f"{system_directory(front)}:/usr/bin:/bin")
    assert (found["source"], found["version"]) == ("search", SYSTEM)


def system_directory(front: Front) -> str:
    return front.environment["PATH"].split(":")[0]


def test_choices_and_environment(front: Front, stub_wheel: Path) -> None:
    venv = install(front, stub_wheel, bundled=BUNDLED)
    assert locate(front, venv, "--httpd", "bundled")["executable"] == venv.own_httpd()
    assert locate(front, venv, "--httpd", "system")["version"] == SYSTEM
    other = build_fakes.system_httpd(front.directory / "other", "2.4.91")
    found = locate(front, venv, HTTPD=str(other / "bin/httpd"))
    assert (found["source"], found["version"]) == ("environment", "2.4.91")
    assert found["modules_directory"] == str(other / "modules")
    assert found["mpms"] == ["event"]
    assert "HTTPD in the environment is '/nonexistent'" in refuse(front, venv, HTTPD="/nonexistent")
    assert "does not answer like Apache httpd" in refuse(front, venv, HTTPD=str(liar(other)))


def liar(other: Path) -> Path:
    path = other / "bin/liar"
    path.write_text("#!/bin/sh\necho something else\n")
    path.chmod(0o755)
    return path


def test_bundled_wanted_but_missing(front: Front, stub_wheel: Path) -> None:
    venv = install(front, stub_wheel)
    assert "-m pip install mod_wsgi-httpd" in refuse(front, venv, "--httpd", "bundled")
    assert "nothing to repair" in refuse(front, venv, "repair")


def test_magic_number_must_fit(front: Front, stub_wheel: Path) -> None:
    venv = install(front, stub_wheel)
    other = build_fakes.system_httpd(front.directory / "other", "2.4.70")
    script = other / "bin/httpd"
    text = script.read_text()
    newer = f"{MAGIC[0]}:{MAGIC[1] + 1}"
    script.write_text(text.replace(f"{MAGIC[0]}:{MAGIC[1]}", newer))
    assert locate(front, venv, HTTPD=str(script))["mmn"] == [MAGIC[0], MAGIC[1] + 1]
    for wrong in (f"{MAGIC[0]}:{MAGIC[1] - 1}", f"{MAGIC[0] + 1}:{MAGIC[1]}"):
        script.write_text(text.replace(f"{MAGIC[0]}:{MAGIC[1]}", wrong))
        said = refuse(front, venv, HTTPD=str(script))
        assert wrong in said
        assert "Build mod_wsgi again" in said


def test_damaged_installation(front: Front, stub_wheel: Path) -> None:
    venv = install(front, stub_wheel)
    (venv.packages / "mod_wsgi/server/build.json").write_text("{")
    assert "build.json" in refuse(front, venv)
