#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_info
short_description: What a machine has for building and running mod_wsgi
version_added: 0.1.0
description:
  - Looks and changes nothing. Tells about one Python, the httpd of the system, and what a build still needs.
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  python:
    description: The Python to look at.
    type: path
    required: true
  httpd:
    description:
      - The httpd that is wanted.
      - V(auto) is the system's when its development files are there, else the bundled one.
    type: str
    choices: [auto, system, bundled]
    default: auto
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: It never changes anything.
    support: none
  platform:
    description: Any POSIX system with Python 3.9.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: Can this machine build for its own Python?
  modwsgi.toolkit.mod_wsgi_info:
    python: /usr/bin/python3
  register: machine
"""

RETURN = r"""
python:
  description: The Python, its path, C(version), C(tag) such as cp311, and whether it has a shared library (C(shared)).
  returned: always
  type: dict
httpd:
  description: C(system) or C(bundled).
  returned: always
  type: str
apxs:
  description: The apxs of the system's httpd, if there is one.
  returned: always
  type: str
missing:
  description: What a build still needs, from C(venv), C(headers), C(compiler), C(make), C(openssl) and C(apxs).
  returned: always
  type: list
  elements: str
"""

import json
import os
import shutil

from ansible.module_utils.basic import AnsibleModule

OLDEST = (3, 9)
DIRECTORIES = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/apache2/2.4/bin",
    "/opt/csw/bin",
    "/opt/homebrew/bin",
)
OPENSSL = ("/usr/include", "/usr/local/include", "/usr/include/openssl-3", "/usr/openssl/3/include")

# Runs in the Python that is asked about, which need not be able to import anything of Ansible.
QUESTIONS = """
import importlib.util, json, os, sys, sysconfig
threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
def has(name):
    return importlib.util.find_spec(name) is not None
print(json.dumps({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "tag": "cp%d%d%s" % (sys.version_info[0], sys.version_info[1], threads),
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
    "venv": has("venv") and has("ensurepip"),
    "headers": os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""


def tool(*names: str) -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *DIRECTORIES))
    return next((found for found in (shutil.which(name, path=path) for name in names) if found), None)


def missing(python: dict, httpd: str, apxs: str | None) -> list[str]:
    needed = {
        "venv": python["venv"],
        "headers": python["headers"],
        "compiler": tool(os.environ.get("CC", "cc"), "gcc", "clang"),
    }
    if httpd == "system":
        needed["apxs"] = apxs
    else:
        needed["make"] = tool("make", "gmake")
        needed["openssl"] = any(os.path.isfile(os.path.join(path, "openssl", "ssl.h")) for path in OPENSSL)
    return [name for name, there in needed.items() if not there]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "httpd": {"type": "str", "choices": ["auto", "system", "bundled"], "default": "auto"},
        },
        supports_check_mode=True,
    )
    path = module.params["python"]
    if not os.access(path, os.X_OK):
        module.fail_json(
            msg=f"mod_wsgi_python: {path} is not there or cannot be run. Name a Python 3.9 or newer, or install it"
        )
    # -I: neither the directory of the play nor PYTHONPATH may answer for the interpreter.
    code, output, problem = module.run_command([path, "-I", "-c", QUESTIONS])
    if code != 0:
        module.fail_json(msg=f"mod_wsgi_python: {path} does not run: {problem.strip()}")
    python = json.loads(output)
    if tuple(python["version"][:2]) < OLDEST:
        found = ".".join(map(str, python["version"]))
        module.fail_json(
            msg=f"mod_wsgi_python: {path} is Python {found}, and 3.9 is the oldest that works. Name a newer one"
        )
    apxs = tool("apxs2", "apxs")
    httpd = module.params["httpd"] if module.params["httpd"] != "auto" else ("system" if apxs else "bundled")
    module.exit_json(changed=False, python=python, httpd=httpd, apxs=apxs, missing=missing(python, httpd, apxs))


if __name__ == "__main__":
    main()
