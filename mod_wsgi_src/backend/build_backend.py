# SPDX-License-Identifier: Apache-2.0
"""The hooks of PEP 517. Settings (pip install --config-settings KEY=VALUE):

apxs=PATH                       build against the httpd of this apxs
httpd=auto | bundled | system   auto: the httpd that pip installed for this Python, else the system's

A pip older than 22.1 has no --config-settings: APXS and MOD_WSGI_HTTPD in the environment are the same, where the
setting is not given.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

import archive
import compiler
import find_httpd
import find_python
import metadata
import platform_key
import sources
from mod_wsgi import MARKER
from mod_wsgi.server import FACTS, installation
from operating_system import BuildError

HTTPD_VARIABLE = "MOD_WSGI_HTTPD"
_SDIST = ("pyproject.toml", "VERSION", "README.md", "LICENSE", "backend", "module", "mod_wsgi")

Settings = Optional[Mapping[str, Union[str, list[str]]]]


@dataclass(frozen=True)
class _Plan:
    """All that is decided before the first file is compiled."""

    httpd: find_httpd.BuildHttpd
    python: find_python.BuildPython
    key: str

    @property
    def version(self) -> str:
        return metadata.wheel_version(self.key)

    @property
    def dist_info(self) -> str:
        return f"{metadata.NAME}-{self.version}.dist-info"

    @property
    def wheel_tag(self) -> str:
        # Flags of the ABI (cp313t) are not part of the first tag.
        return f"{self.python.tag.rstrip('td')}-{self.python.tag}-{self.python.platform_tag}"

    def facts(self) -> bytes:
        record = {
            "version": self.version,
            "platform_key": self.key,
            "module": self.python.module_name,
            "httpd": self.httpd.facts(),
            "python": self.python.facts(),
        }
        return (json.dumps(record, indent=2, sort_keys=True) + "\n").encode()

    def dist_info_files(self) -> dict[str, bytes]:
        wheel = f"Wheel-Version: 1.0\nGenerator: {metadata.NAME}\nRoot-Is-Purelib: false\nTag: {self.wheel_tag}\n"
        return {
            f"{self.dist_info}/METADATA": metadata.core_metadata(self.version).encode(),
            f"{self.dist_info}/WHEEL": wheel.encode(),
            f"{self.dist_info}/entry_points.txt": metadata.ENTRY_POINTS.encode(),
            f"{self.dist_info}/LICENSE": (metadata.ROOT / "LICENSE").read_bytes(),
        }


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """The bundled httpd, if it is asked for by name and missing: nothing is ever compiled by surprise."""
    settings = _check(config_settings)
    if settings.get("httpd") == "bundled" and not settings.get("apxs") and not installation.bundled_config_vars():
        return [installation.BUNDLE_DISTRIBUTION]
    _plan(settings)  # what is missing is said here, before anything else is done
    return []


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    return []


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    plan = _plan(_check(config_settings))
    for name, content in plan.dist_info_files().items():
        path = Path(metadata_directory, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return plan.dist_info


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    plan = _plan(_check(config_settings))
    python, httpd = plan.python, plan.httpd
    print(f"building against httpd {httpd.version} ({httpd.installation.executable}) because {httpd.why}")
    print(f"building for Python {python.version} with {python.libpython}", flush=True)
    files = plan.dist_info_files()
    package = metadata.ROOT / "mod_wsgi"
    for path in platform_key.source_files(metadata.ROOT, ("mod_wsgi",)):
        files[f"mod_wsgi/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    files[f"mod_wsgi/{MARKER}"] = f"{plan.version}\n".encode()
    files[f"mod_wsgi/server/{FACTS}"] = plan.facts()
    files[f"mod_wsgi/server/{python.module_name}"] = _compile(plan)
    name = f"{metadata.NAME}-{plan.version}-{plan.wheel_tag}.whl"
    archive.write_wheel(Path(wheel_directory, name), plan.dist_info, files)
    return name


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    version = metadata.static_version()
    top = f"{metadata.NAME}-{version}"
    files = platform_key.source_files(metadata.ROOT, _SDIST)
    archive.write_sdist(
        Path(sdist_directory, f"{top}.tar.gz"), top, metadata.ROOT, files, metadata.core_metadata(version)
    )
    return f"{top}.tar.gz"


def _check(config_settings: Settings) -> dict[str, str]:
    settings = {}
    for name, value in (config_settings or {}).items():
        if name not in ("apxs", "httpd") or not isinstance(value, str):
            raise BuildError(
                f"unknown setting {name}={value}; known are apxs=PATH and httpd=auto|bundled|system, once each"
            )
        settings[name] = value
    given = "the setting httpd"
    if "httpd" not in settings and os.environ.get(HTTPD_VARIABLE):
        given = f"{HTTPD_VARIABLE} in the environment"
        settings["httpd"] = os.environ[HTTPD_VARIABLE]
    if settings.get("httpd", "auto") not in find_httpd.CHOICES:
        raise BuildError(f"{given} is {settings['httpd']!r}; it takes {', '.join(find_httpd.CHOICES)}")
    return settings


def _plan(settings: Mapping[str, str]) -> _Plan:
    """Finds all that the build needs. Raises one BuildError that names everything that is missing."""
    found, missing = [], []
    for find in (
        lambda: find_httpd.find(settings.get("httpd", "auto"), settings.get("apxs")),
        find_python.find,
        compiler.find_command,
    ):
        try:
            found.append(find())
        except BuildError as error:
            missing.append(error.reason)
    if missing:
        raise BuildError("; ".join(missing))
    httpd, python, _ = found
    return _Plan(httpd, python, platform_key.key(platform_key.inputs(httpd, python)))


def _compile(plan: _Plan) -> bytes:
    files = sources.every(metadata.ROOT / "module")
    if not files:
        raise BuildError(f"{metadata.ROOT / 'module'} holds no C sources: the source tree is incomplete")
    with tempfile.TemporaryDirectory(prefix="mod_wsgi-") as work:
        target = Path(work, plan.python.module_name)
        compiler.Compiler(plan.httpd, plan.python).build(files, Path(work), target)
        return target.read_bytes()
