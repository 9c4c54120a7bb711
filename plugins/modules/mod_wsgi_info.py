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
  - Looks and changes nothing. Tells about one Python, the httpd of the system, what is missing to run and to build, and
    the platform key of each wheel that is needed.
  - Machines with the same key can use the same wheel. A key changes with the system's release, the C library, Python,
    the module magic number of the system's httpd, the source of the server and the environment of builds.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
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
  httpd_version:
    description: Release of the package mod_wsgi-httpd, when the bundled one is wanted.
    type: str
    default: ""
  source_checksum:
    description: Checksum of the source of the server, from the filter P(modwsgi.toolkit.tree_checksum#filter).
    type: str
    default: ""
  environment:
    description: Environment variables of the builds. V(APXS) and V(CC) also say what to look for.
    type: dict
    default: {}
  path:
    description: Directories to look for tools in, before those of E(PATH).
    type: list
    elements: path
    default: []
  wheelhouse:
    description: Directory of finished wheels, one directory in it for each key. Without it no wheel is looked for.
    type: path
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: It never changes anything.
    support: none
"""

EXAMPLES = r"""
- name: Can this machine build for its own Python?
  modwsgi.toolkit.mod_wsgi_info:
    python: /usr/bin/python3
  register: machine

- name: Its platform key
  ansible.builtin.debug:
    msg: "{{ machine.wheels.module.key }}"
"""

RETURN = r"""
python:
  description: The Python - C(version), C(tag) such as cp311, C(libpython), and whether it has one (C(shared)).
  returned: always
  type: dict
httpd:
  description: C(system) or C(bundled).
  returned: always
  type: str
system_httpd:
  description: C(program), C(version) and module magic number (C(magic)) of the system's httpd.
  returned: when that one is wanted and is there
  type: dict
apxs:
  description: The apxs of the system's httpd, if there is one.
  returned: always
  type: str
missing:
  description:
    - What is missing to run the server (C(run)), to build the module (C(module)), to compile httpd (C(httpd)).
    - Each is a list from C(venv), C(libpython), C(headers), C(compiler), C(make), C(openssl), C(apxs) and C(httpd).
  returned: always
  type: dict
wheels:
  description:
    - For C(module), and for C(httpd) when that is bundled, C(key), C(family) and C(path). That is null without a wheel.
    - Empty while there is no httpd yet whose key could be told.
  returned: always
  type: dict
stale:
  description: Wheels that were made for what this machine was before, a sentence with the fix each.
  returned: always
  type: list
  elements: str
platform_key:
  description: The key of the module's wheel. Empty while there is no httpd yet whose key could be told.
  returned: always
  type: str
complete:
  description: Whether nothing is missing to run and every wheel is there.
  returned: always
  type: bool
uid:
  description: The user that this ran as.
  returned: always
  type: int
processors:
  description: How many there are.
  returned: always
  type: int
"""

import json
import os
import re
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import platform_key

OLDEST = (3, 9)
DIRECTORIES = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/apache2/2.4/bin",
    "/opt/ooce/apache-2.4/bin",
    "/opt/local/sbin",
    "/opt/local/bin",
    "/usr/local/apache2/bin",
    "/opt/csw/bin",
    "/opt/homebrew/bin",
)
OPENSSL = (
    "/usr/include",
    "/usr/local/include",
    "/usr/include/openssl-3",
    "/usr/openssl/3/include",
    "/opt/ooce/openssl-3/include",
    "/opt/local/include",
)

# Runs in the Python that is asked about, which need not be able to import anything of Ansible.
QUESTIONS = """
import importlib.util, json, os, platform, sys, sysconfig
threads = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
def has(name):
    return importlib.util.find_spec(name) is not None
def variable(name):
    return str(sysconfig.get_config_var(name) or "")
def libc():
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return "musl" if os.path.isdir("/lib") and any(n.startswith("ld-musl-") for n in os.listdir("/lib")) else "libc"
def libpython():
    name = variable("INSTSONAME")
    places = [variable("LIBDIR"), os.path.join(variable("LIBDIR"), variable("MULTIARCH")),
              os.path.join(sys.base_prefix, "lib"), os.path.join(sys.base_prefix, "lib64")]
    paths = [os.path.join(place, name) for place in places if os.path.isabs(place)]
    return next((os.path.normpath(path) for path in paths if os.path.isfile(path)), None)
print(json.dumps({
    "executable": sys.executable,
    "version": list(sys.version_info[:3]),
    "tag": "cp%d%d%s" % (sys.version_info[0], sys.version_info[1], threads),
    "soabi": variable("SOABI"),
    "machine": platform.machine(),
    "libc": libc(),
    "shared": bool(variable("Py_ENABLE_SHARED") or variable("PYTHONFRAMEWORK")),
    "libpython": libpython(),
    "venv": has("venv") and has("ensurepip"),
    "headers": os.path.isfile(os.path.join(sysconfig.get_path("include"), "Python.h")),
}))
"""


def tool(*names: str) -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *DIRECTORIES))
    return next((found for found in (shutil.which(name, path=path) for name in names) if found), None)


def look_at_python(module: AnsibleModule, path: str) -> dict:
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
    return python


def look_at_httpd(module: AnsibleModule, apxs: str | None) -> dict | None:
    """The program of the system's httpd and its module magic number. It works without development files."""
    program = None
    if apxs:
        answers = [module.run_command([apxs, "-q", name])[1].strip() for name in ("sbindir", "progname")]
        program = os.path.join(*answers) if all(answers) else None
    if not program or not os.access(program, os.X_OK):
        program = tool("apache2", "httpd")
    if not program:
        return None
    # It also reads its configuration and may complain of that; the facts come before.
    said = module.run_command([program, "-V"])[1]
    magic = re.search(r"Module Magic Number: *([0-9]+:[0-9]+)", said)
    version = re.search(r"Apache/([0-9.]+)", said)
    if not magic or not version:
        return None
    return {"program": program, "magic": magic[1], "version": version[1]}


def missing(python: dict, httpd: str, apxs: str | None, system_httpd: dict | None) -> dict[str, list[str]]:
    """What is missing to run the server, to build the module, and to compile the bundled httpd."""
    needed = {
        "run": {"venv": python["venv"], "libpython": python["libpython"]},
        "module": {
            "venv": python["venv"],
            "libpython": python["libpython"],
            "headers": python["headers"],
            "compiler": tool(os.environ.get("CC", "cc"), "gcc", "clang"),
        },
        "httpd": {},
    }
    if httpd == "system":
        needed["run"]["httpd"] = system_httpd
        needed["module"]["apxs"] = apxs
    else:
        needed["httpd"]["make"] = tool("make", "gmake")
        needed["httpd"]["openssl"] = any(os.path.isfile(os.path.join(path, "openssl", "ssl.h")) for path in OPENSSL)
    return {purpose: [name for name, there in parts.items() if not there] for purpose, parts in needed.items()}


def wanted_wheels(params: dict, python: dict, httpd: str, system_httpd: dict | None) -> dict[str, dict]:
    """Key and family of each wheel that this Python needs here."""
    platform = platform_key.readable(
        platform_key.system(platform_key.os_release()), python["machine"], python["libc"], python["tag"]
    )
    surroundings = {"soabi": python["soabi"], "environment": params["environment"]}
    decides = {**surroundings, "libpython": python["libpython"], "source": params["source_checksum"]}
    wheels = {}
    if httpd == "bundled":
        release = params["httpd_version"]
        family = f"{platform}-httpd"
        wheels["httpd"] = {"family": family, "key": platform_key.key(family, release, surroundings)}
    elif system_httpd:
        release = ""
        decides.update(program=system_httpd["program"], magic=system_httpd["magic"])
    else:
        return {}  # there is no httpd yet to ask
    family = f"{platform}-{httpd}"
    wheels["module"] = {"family": family, "key": platform_key.key(family, release, decides)}
    return wheels


def find_wheel(directory: str) -> str | None:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".whl"))
    except OSError:
        return None
    return os.path.join(directory, names[-1]) if names else None


def stale(wheelhouse: str, wheels: dict[str, dict]) -> list[str]:
    """Of each wheel that is missing: those of its family were built for another machine than this one is now."""
    found = []
    for name, wheel in wheels.items():
        try:
            shelves = os.listdir(wheelhouse) if not wheel["path"] else []
        except OSError:
            shelves = []
        old = sorted(key for key in shelves if key.startswith(f"{wheel['family']}-") and key != wheel["key"])
        if old:
            found.append(
                f"{name}: {', '.join(old)} in {wheelhouse} is of another httpd, libpython, source or build environment "
                f"than this machine has now. The site playbook makes {wheel['key']}"
            )
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "httpd": {"type": "str", "choices": ["auto", "system", "bundled"], "default": "auto"},
            "httpd_version": {"type": "str", "default": ""},
            "source_checksum": {"type": "str", "default": ""},
            "environment": {"type": "dict", "default": {}},
            "path": {"type": "list", "elements": "path", "default": []},
            "wheelhouse": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    os.environ.update({name: str(value) for name, value in params["environment"].items() if name in ("APXS", "CC")})
    os.environ["PATH"] = os.pathsep.join((*params["path"], os.environ.get("PATH", os.defpath)))
    python = look_at_python(module, params["python"])
    apxs = tool(os.environ.get("APXS", "apxs2"), "apxs")
    httpd = params["httpd"] if params["httpd"] != "auto" else ("system" if apxs else "bundled")
    system_httpd = look_at_httpd(module, apxs) if httpd == "system" else None
    wheels = wanted_wheels(params, python, httpd, system_httpd)
    for wheel in wheels.values():
        wheel["path"] = find_wheel(os.path.join(params["wheelhouse"], wheel["key"])) if params["wheelhouse"] else None
    lacking = missing(python, httpd, apxs, system_httpd)
    module.exit_json(
        changed=False,
        python=python,
        httpd=httpd,
        system_httpd=system_httpd,
        apxs=apxs,
        missing=lacking,
        wheels=wheels,
        stale=stale(params["wheelhouse"], wheels) if params["wheelhouse"] else [],
        platform_key=wheels["module"]["key"] if wheels else "",
        complete=bool(wheels) and not lacking["run"] and all(wheel["path"] for wheel in wheels.values()),
        uid=os.geteuid(),
        processors=os.cpu_count() or 1,
    )


if __name__ == "__main__":
    main()
