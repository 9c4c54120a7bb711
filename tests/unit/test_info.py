# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi_info: what a machine has, what it lacks, and the platform keys of its wheels."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.modwsgi.toolkit.plugins.modules import mod_wsgi_info

HTTPD = """#!/bin/sh
echo 'Server version: Apache/2.4.71 (Debian)'
echo "Server's Module Magic Number: {magic}"
exit 1 # as when it dislikes its configuration
"""
APXS = """#!/bin/sh
case $2 in
sbindir) echo {place} ;;
progname) echo apache2 ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch, run_module):
    """A machine whose programs are these, whatever this one has."""

    class Machine:
        bin = tmp_path / "bin"
        wheelhouse = tmp_path / "wheelhouse"

        def program(self, name: str, text: str = "#!/bin/sh\n") -> None:
            (self.bin / name).write_text(text)
            (self.bin / name).chmod(0o755)

        def system_httpd(self, magic: str = "20120211:142", development: bool = True) -> None:
            self.program("apache2", HTTPD.format(magic=magic))
            if development:
                self.program("apxs", APXS.format(place=self.bin))

        def look(self, httpd: str = "auto", **more):
            more.setdefault("python", sys.executable)
            return run_module(
                mod_wsgi_info, httpd=httpd, httpd_version="2.4.69.1", wheelhouse=str(self.wheelhouse), **more
            )

        def shelve(self, key: str, name: str) -> str:
            (self.wheelhouse / key).mkdir(parents=True)
            (self.wheelhouse / key / name).write_text("a wheel")
            return str(self.wheelhouse / key / name)

    found = Machine()
    found.bin.mkdir()
    monkeypatch.setenv("PATH", str(found.bin))
    monkeypatch.setattr(mod_wsgi_info, "DIRECTORIES", ())
    monkeypatch.setattr(mod_wsgi_info, "OPENSSL", ())
    return found


def test_auto_is_the_systems_httpd_where_its_development_files_are(machine):
    machine.system_httpd(development=False)
    assert machine.look()["httpd"] == "bundled"
    machine.system_httpd()
    found = machine.look()
    assert found["httpd"] == "system"
    assert found["system_httpd"] == {
        "program": str(machine.bin / "apache2"),
        "magic": "20120211:142",
        "version": "2.4.71",
    }


def test_to_run_with_the_systems_httpd_its_program_is_enough(machine):
    assert "httpd" in machine.look("system")["missing"]["run"]
    machine.system_httpd(development=False)
    found = machine.look("system")
    assert found["missing"]["run"] == []
    assert {"apxs", "compiler"} <= set(found["missing"]["module"])


def test_what_the_compile_of_the_bundled_httpd_needs_is_told_apart(machine):
    machine.program("cc")
    found = machine.look("bundled")
    assert found["missing"]["httpd"] == ["make", "openssl"]
    assert found["missing"]["run"] == []
    assert not {"make", "openssl"} & set(found["missing"]["module"])


def test_no_key_without_an_httpd_to_ask(machine):
    found = machine.look("system")
    assert found["wheels"] == {}
    assert found["complete"] is False


def test_complete_when_each_wheel_is_in_the_directory_of_its_key(machine):
    wheels = machine.look("bundled")["wheels"]
    assert sorted(wheels) == ["httpd", "module"]
    machine.shelve(wheels["httpd"]["key"], "mod_wsgi_httpd-2.4.69.1-cp311-cp311-linux_x86_64.whl")
    assert machine.look("bundled")["complete"] is False
    path = machine.shelve(wheels["module"]["key"], "mod_wsgi-4.4.11-cp311-cp311-linux_x86_64.whl")
    found = machine.look("bundled")
    assert found["complete"] is True
    assert found["wheels"]["module"]["path"] == path


def test_wheels_of_a_machine_that_is_another_now(machine):
    machine.system_httpd()
    before = machine.look("system")["wheels"]["module"]["key"]
    machine.shelve(before, "mod_wsgi-4.4.11-cp311-cp311-linux_x86_64.whl")
    assert machine.look("system")["stale"] == []
    machine.system_httpd(magic="20120211:143")
    found = machine.look("system")
    now = found["wheels"]["module"]["key"]
    assert found["stale"] == [
        f"module: {before} in {machine.wheelhouse} is of another httpd, libpython, source or build environment "
        f"than this machine has now. The site playbook makes {now}"
    ]
    machine.shelve(now, "mod_wsgi-4.4.11-cp311-cp311-linux_x86_64.whl")
    assert machine.look("system")["stale"] == []


def test_what_changes_the_key_of_the_module_and_what_that_of_httpd(machine):
    machine.system_httpd()
    before = machine.look("system")["wheels"]["module"]["key"]
    assert machine.look("system")["wheels"]["module"]["key"] == before
    assert machine.look("system", source_checksum="other")["wheels"]["module"]["key"] != before
    assert machine.look("system", environment={"CFLAGS": "-O3"})["wheels"]["module"]["key"] != before
    machine.system_httpd(magic="20120211:143")
    assert machine.look("system")["wheels"]["module"]["key"] != before

    bundled = machine.look("bundled")["wheels"]
    other = machine.look("bundled", source_checksum="other")["wheels"]
    assert bundled["httpd"] == other["httpd"]  # a change of our source compiles no httpd
    assert bundled["module"]["key"] != other["module"]["key"]
    assert bundled["module"]["family"] == other["module"]["family"]


def test_apxs_of_the_environment_of_the_builds(machine, tmp_path):
    machine.system_httpd()
    (machine.bin / "apxs").rename(tmp_path / "my-apxs")
    found = machine.look(environment={"APXS": str(tmp_path / "my-apxs")})
    assert (found["apxs"], found["httpd"]) == (str(tmp_path / "my-apxs"), "system")


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/nonexistent/python", "is not there or cannot be run"),
        ("{bin}/broken", "does not run: no such thing"),
        ("{bin}/old", "is Python 3.8.1, and 3.9 is the oldest that works"),
    ],
)
def test_a_python_that_cannot_be_used(machine, python, said):
    machine.program("broken", "#!/bin/sh\necho no such thing >&2\nexit 3\n")
    machine.program("old", "#!/bin/sh\necho '{\"version\": [3, 8, 1]}'\n")
    found = machine.look(python=python.format(bin=machine.bin))
    assert found.failed
    assert said in found["msg"]
