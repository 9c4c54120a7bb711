# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode knows of a release and a virtual environment that an earlier task would have brought.

mod_wsgi-express can be asked about what is there only. What comes instead is told by checksums of scripts, and by the
wheels that the environment will be made with, or its files when it is there already."""

from __future__ import annotations

import base64
import glob
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import read

SERVER = "mod_wsgi/server"
BUNDLE = "mod_wsgi_packages"


@dataclass(frozen=True)
class Build:
    """Of a virtual environment: the module and the httpd in it."""

    module: str = ""  # path of the module in it; empty when that is not known
    sha256: str = ""
    bundled: str = ""  # version of the httpd in it; empty when the system's is used


def _release(version: str) -> str:
    """The wheel of httpd 2.4.69 may be 2.4.69.1."""
    return ".".join(version.split(".")[:3])


def of_environment(path: str) -> Build | None:
    """None when it is not there, or not complete."""
    if not os.path.exists(os.path.join(path, "complete")):
        return None
    packages = os.path.join(glob.escape(path), "lib", "python*", "site-packages")
    for facts in glob.glob(os.path.join(packages, *SERVER.split("/"), "build.json")):
        module = os.path.join(os.path.dirname(facts), json.loads(read(facts) or b"{}")["module"])
        named = [os.path.basename(each) for each in glob.glob(os.path.join(packages, "mod_wsgi_httpd-*.dist-info"))]
        return Build(
            os.path.relpath(module, path),
            hashlib.sha256(read(module) or b"").hexdigest(),
            _release(named[0].split("-")[1]) if named else "",
        )
    return None


def of_wheels(paths: list[str]) -> Build:
    """What the wheels install. One that is not built yet tells nothing."""
    names = {os.path.basename(path).split("-")[0]: path for path in paths}
    httpd, module = names.get("mod_wsgi_httpd", ""), names.get("mod_wsgi", "")
    bundled = _release(os.path.basename(httpd).split("-")[1]) if httpd else ""
    try:
        with zipfile.ZipFile(module) as wheel:
            facts = json.loads(wheel.read(f"{SERVER}/build.json"))
            file = f"{SERVER}/{facts['module']}"
            record = next(name for name in wheel.namelist() if name.endswith(".dist-info/RECORD"))
            lines = [line.rsplit(",", 2) for line in wheel.read(record).decode().splitlines()]
    except OSError:
        return Build(bundled=bundled)
    digest = {name: sha for name, sha, _size in lines}[file].partition("=")[2]
    threads = "t" if module.split("-")[-2].endswith("t") else ""
    place = f"lib/python{'.'.join(facts['python']['version'].split('.')[:2])}{threads}/site-packages"
    return Build(f"{place}/{file}", base64.urlsafe_b64decode(digest + "==").hex(), bundled)


class Environment:
    """The virtual environment that an instance is to have, held against the one that its server was set up with."""

    def __init__(self, python: str, venv: str, wheels: list[str], recorded: dict[str, Any]) -> None:
        self.recorded = recorded
        self.home = os.path.dirname(os.path.dirname(python))
        self.old_home = recorded["python"]["home"]
        self.differs = os.path.realpath(self.old_home) != os.path.realpath(venv)
        self.build = (of_environment(venv) or of_wheels(wheels)) if self.differs else Build()

    @property
    def python(self) -> str:
        """Whom to ask until the new one is there."""
        return os.path.join(self.old_home, "bin", "python")

    @property
    def _is_elsewhere(self) -> bool:
        """Without releases the path of an environment tells what is in it; with them there is a link."""
        return self.home != self.old_home

    @property
    def _old_module(self) -> str:
        return os.path.relpath(self.recorded["module"]["path"], self.old_home)

    @property
    def _module_moves(self) -> bool:
        return self._is_elsewhere or self.build.module not in ("", self._old_module)

    @property
    def _is_another_python(self) -> bool:
        return bool(self.build.module) and os.path.dirname(self.build.module) != os.path.dirname(self._old_module)

    @property
    def _was_bundled(self) -> bool:
        return f"/{BUNDLE}/" in self.recorded["httpd"]["executable"]

    def _httpd_differs(self) -> bool:
        if not self._was_bundled or not self.build.bundled:
            return self._was_bundled or bool(self.build.bundled)
        return self._module_moves or self.build.bundled != self.recorded["httpd"]["version"]

    def reasons(self) -> list[str]:
        """Why the server must start anew, as mod_wsgi-express says it once the environment is there."""
        if not self.differs:
            return []
        found = {
            "httpd": self._httpd_differs(),
            # Another build has another version in it, so one that is yet to come is another module.
            "module": self._is_elsewhere or self.build.sha256 != self.recorded["module"]["sha256"],
            "python": self._is_elsewhere or self._is_another_python,
        }
        return [f"{name} changed" for name, changed in found.items() if changed]

    def changes(self, text: str) -> bool:
        """Whether a generated file with this text names what is at another path then."""
        if not self.differs:
            return False
        gone = [self.old_home] if self._is_elsewhere else []
        if self._is_another_python:
            gone.append(os.path.join(self.old_home, *self._old_module.split("/")[:2]))
        if self._module_moves:
            gone.append(self.recorded["module"]["path"])
        if self._was_bundled != bool(self.build.bundled):
            gone.append(self.recorded["httpd"]["executable"])
        return any(path in text for path in gone)


def scripts(recorded: dict[str, Any], directory: str, sha256: dict[str, str]) -> list[str]:
    """What will be a new script: the application, and services."""
    known = {"the application": recorded.get("application", {})}
    known.update({f"service {name}": paths for name, paths in recorded.get("services", {}).items()})
    new = {os.path.normpath(os.path.join(directory, path)): digest for path, digest in sha256.items()}
    return [
        what for what, paths in known.items() if any(new.get(path, digest) != digest for path, digest in paths.items())
    ]
