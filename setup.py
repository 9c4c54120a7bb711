# SPDX-License-Identifier: Apache-2.0
"""The collection as a wheel for the controller: `pip install .`, then `ansible-playbook modwsgi.toolkit.site`.

Pure Python, and needs neither Apache nor a compiler: what is built is built on the targets.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = "ansible_collections.modwsgi.toolkit"
CONTENT = (
    "CHANGELOG.rst",
    "LICENSE",
    "LICENSES",
    "README.md",
    "changelogs",
    "examples",
    "galaxy.yml",
    "meta",
    "mod_wsgi_src",
    "playbooks",
    "plugins",
    "roles",
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.o", "*.so", "*.egg-info", "build", "dist", "tests", ".*")


class BuildCollection(build_py):
    """Copies the collection as it stands in the checkout: roles, playbooks and sources are data, not modules."""

    def run(self) -> None:
        target = Path(self.build_lib, *PACKAGE.split("."))
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in CONTENT:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, target / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(source, target / name)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        return [str(path) for path in Path(self.build_lib).rglob("*") if path.is_file()]


setup(
    name="modwsgi-toolkit",
    version=(ROOT / "mod_wsgi_src" / "VERSION").read_text(encoding="ascii").strip(),
    description="The Ansible collection modwsgi.toolkit: build, install and run WSGI applications on Apache httpd",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0 AND GPL-3.0-or-later",
    license_files=["LICENSE", "LICENSES/*"],
    python_requires=">=3.11",
    install_requires=["ansible-core>=2.19", "jinja2"],
    extras_require={"test": ["molecule>=26", "pytest", "pytest-testinfra"]},
    packages=[PACKAGE],
    package_dir={PACKAGE: "plugins"},
    cmdclass={"build_py": BuildCollection},
    zip_safe=False,
)
