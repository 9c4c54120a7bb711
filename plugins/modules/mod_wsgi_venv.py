#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_venv
short_description: Have a virtual environment with mod_wsgi and the requirements of an application
version_added: 0.1.0
description:
  - Each set of contents gets an environment of its own, named after a fingerprint of them. One that is in use is never
    changed, so a failed install cannot hurt what runs, and a finished one is never touched again.
  - It is complete when its stamp is there, which is written last. One without stamp is made anew.
  - pip is always the environment's own, by absolute path. Nothing is ever activated. Variables of pip, such as
    E(PIP_INDEX_URL), come from the C(environment) of the task.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  name:
    description: Name of the instance, for messages.
    type: str
    required: true
  base:
    description: Path of the environment, without the fingerprint.
    type: path
    required: true
  python:
    description: Python to make it with.
    type: path
    required: true
  version:
    description: Exact version of mod_wsgi, which no requirement may change.
    type: str
    required: true
  httpd:
    description: The httpd. V(bundled) is among O(wheels), and is checked and repaired after its installation.
    type: str
    choices: [bundled, system]
    default: system
  wheels:
    description: Wheels to install, in this order. They count with their directory, which is named after a platform key.
    type: list
    elements: path
    required: true
  requirements:
    description: Requirements file.
    type: str
    default: ""
  requirements_sha256:
    description:
      - Checksum of O(requirements), when the caller knows it. In check mode the file may be still to come.
      - Not given, it is that of the file.
    type: str
    default: ""
attributes:
  check_mode:
    description: Tells whether one would be made, and its path.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: The environment of the shop
  modwsgi.toolkit.mod_wsgi_venv:
    name: shop
    base: /opt/mod_wsgi/venvs/shop
    python: /usr/bin/python3
    version: 5.0.2
    wheels: [/opt/mod_wsgi/wheelhouse/debian12-cp311-system-0123456789ab/mod_wsgi-5.0.2-cp311-cp311-linux_x86_64.whl]
    requirements: /opt/mod_wsgi/apps/shop/releases/1.5/code/requirements.txt
  environment:
    PIP_INDEX_URL: https://pypi.example.com/simple
"""

RETURN = r"""
name:
  description: Name of the instance.
  returned: always
  type: str
path:
  description: The environment.
  returned: always
  type: str
msg:
  description: One line on what was or would be made.
  returned: always
  type: str
"""

import hashlib
import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree

STAMP = "complete"
SHORT = 12  # digits of a fingerprint in a path
SHOWN = 4000  # characters of what a failed command said
INSTALLED = "import mod_wsgi; print(mod_wsgi.installed_version())"


def fingerprint(python: str, wheels: list[str], required: str) -> str:
    tails = ["/".join(wheel.split("/")[-2:]) for wheel in wheels]
    return hashlib.sha256(json.dumps([python, tails, required]).encode()).hexdigest()[:SHORT]


class Environment:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.path = (
            f"{self.params['base']}-{fingerprint(self.params['python'], self.params['wheels'], self.required())}"
        )
        self.python = self.inside("bin/python")
        self.constraints = self.inside("constraints.txt")

    def inside(self, name: str) -> str:
        return os.path.join(self.path, name)

    def fail(self, text: str) -> None:
        self.module.fail_json(msg=f"instance '{self.params['name']}': {text}")

    def required(self) -> str:
        """The content of the requirements, as a checksum."""
        requirements, known = self.params["requirements"], self.params["requirements_sha256"]
        if not requirements or known:
            return known
        try:
            return tree.digest(requirements)
        except OSError as error:
            if self.module.check_mode:  # what brings it was only foreseen
                return "missing"
            self.fail(f"requirements {requirements} cannot be read ({error.strerror}). Correct the path")

    @property
    def is_complete(self) -> bool:
        return os.path.exists(self.inside(STAMP))

    def run(self, what: str, *command: str) -> str:
        code, output, problem = self.module.run_command(list(command), cwd="/")
        if code != 0:
            said = "\n".join(text.strip() for text in (output, problem) if text.strip())
            self.fail(f"{what} failed: {' '.join(command)}: exit code {code}. {said[-SHOWN:]}")
        return output.strip()

    def install(self, what: str, *arguments: str) -> None:
        self.run(what, self.inside("bin/pip"), "install", *arguments)

    def write(self, name: str, content: str) -> None:
        with open(self.inside(name), "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(self.inside(name), 0o644)

    def make(self) -> None:
        params = self.params
        os.umask(0o022)  # other users read it, whatever root's umask is
        self.run("making a virtual environment", params["python"], "-m", "venv", "--clear", self.path)
        self.write("constraints.txt", f"mod_wsgi=={params['version']}\n")
        keep = ("-c", self.constraints)  # the exact version of mod_wsgi that pip must keep to
        self.install("installing mod_wsgi", "--no-index", "--no-deps", *keep, *params["wheels"])
        if params["httpd"] == "bundled":
            self.repair_httpd()
        if params["requirements"]:
            self.install("installing the requirements", *keep, "-r", params["requirements"])
        found = self.run("importing mod_wsgi", self.python, "-c", INSTALLED)
        if found != params["version"]:
            self.fail(f"mod_wsgi {found} is in {self.path} after the requirements, and {params['version']} is wanted")
        self.write(STAMP, f"mod_wsgi {params['version']}\n")

    def repair_httpd(self) -> None:
        """The run path that the compile left is a directory that is gone, and that others could make again."""
        said = self.run("repairing the httpd", self.python, "-m", "mod_wsgi.express.httpd", "repair")
        if not json.loads(said)["has_ssl"]:
            self.fail(
                f"the httpd of {self.params['wheels'][0]} has no mod_ssl: it was compiled without the development "
                "files of OpenSSL. Install them, remove the wheel and run again"
            )


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "base": {"type": "path", "required": True},
            "python": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "httpd": {"type": "str", "choices": ["bundled", "system"], "default": "system"},
            "wheels": {"type": "list", "elements": "path", "required": True},
            "requirements": {"type": "str", "default": ""},
            "requirements_sha256": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    environment = Environment(module)
    changed = not environment.is_complete
    if changed and not module.check_mode:
        environment.make()
    module.exit_json(
        changed=changed,
        name=module.params["name"],
        path=environment.path,
        msg=f"{module.params['name']}: {environment.path} is {'made' if changed else 'there'}",
    )


if __name__ == "__main__":
    main()
