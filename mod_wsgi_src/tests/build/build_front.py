# SPDX-License-Identifier: Apache-2.0
"""Virtual environments seen from outside, and the front ends that install into them."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import build_fakes

TREE = Path(__file__).resolve().parents[2]


class Venv:
    """A virtual environment, seen from outside."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / "bin"
        self.pip = self.bin / "pip"
        self.python = self.bin / "python"

    @property
    def packages(self) -> Path:
        return next(self.root.glob("lib/python*/site-packages"))

    def borrow_pip(self, site_packages: Path) -> None:
        """Has the pip of another environment: installing it takes seconds."""
        for path in site_packages.glob("pip*"):
            (self.packages / path.name).symlink_to(path)
        body = "import sys\nfrom pip._internal.cli.main import main\nsys.exit(main())\n"
        # Like pip's own scripts: a #! line cannot hold a path with a space.
        self.pip.write_text(f"#!/bin/sh\n'''exec' '{self.python}' \"$0\" \"$@\"\n' '''\n{body}")
        self.pip.chmod(0o755)

    def unpack(self, wheel: Path) -> None:
        """Installs a wheel as far as importing goes, where pip is not what the test is about."""
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                path = Path(archive.extract(entry, self.packages))
                path.chmod(entry.external_attr >> 16 & 0o777)

    def facts(self) -> dict[str, dict[str, object]]:
        """build.json of the installed package."""
        return json.loads((self.packages / "mod_wsgi/server/build.json").read_text())

    def built_against(self) -> str:
        """Version of the httpd that the build recorded, and whose headers the module really holds."""
        facts = self.facts()
        version = str(facts["httpd"]["version"])
        module = self.packages / "mod_wsgi/server" / str(facts["module"])
        assert f"fake-{version}".encode() in module.read_bytes()
        return version

    def own_httpd(self) -> str:
        return str(self.packages / "mod_wsgi_packages/httpd/bin/httpd")


class Front:
    """Makes virtual environments and runs front ends, never activating anything."""

    def __init__(self, directory: Path, python: str, pip: Path, environment: dict[str, str]) -> None:
        self.directory, self.environment = directory, environment
        self._python, self._pip = python, pip

    def venv(self, name: str = "venv", bundled: str | None = None, pip: Path | None = None) -> Venv:
        """A virtual environment with pip and, when a version is given, the fake of mod_wsgi-httpd."""
        venv = Venv(self.directory / name)
        subprocess.run([self._python, "-m", "venv", "--without-pip", str(venv.root)], check=True)
        venv.borrow_pip(pip or self._pip)
        if bundled:
            venv.unpack(build_fakes.httpd_wheel(self.directory, bundled))
        return venv

    def run(self, *command: object, **extra: str) -> str:
        """Runs a command that has to succeed; its whole output."""
        done = self.attempt(*command, **extra)
        assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
        return done.stdout

    def attempt(self, *command: object, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(word) for word in command],
            env={**self.environment, **extra},
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )


def interpreter(python: object, code: str, **environment: str) -> str:
    done = subprocess.run(
        [str(python), "-c", code], text=True, capture_output=True, env=environment or None, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
