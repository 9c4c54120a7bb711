#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_status
short_description: What runs of the mod_wsgi instances of a host
version_added: 0.1.0
description:
  - Looks and changes nothing. Finds the instances by what is in their directory, so it also tells about those that no
    inventory lists any more.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  home:
    description: Directory of everything that is installed, as C(mod_wsgi_home) of the role C(modwsgi.toolkit.mod_wsgi).
    type: path
    required: true
  health:
    description:
      - By name of an instance, what to ask it over HTTP. Keys are C(url), C(status) (a list of codes that are healthy)
        and C(host) (the Host header, may be left out).
      - An instance that is not named here is not asked.
    type: dict
    default: {}
  timeout:
    description: Seconds that an instance has to answer.
    type: int
    default: 5
attributes:
  check_mode:
    description: It never changes anything.
    support: full
  diff_mode:
    description: It never changes anything.
    support: none
"""

EXAMPLES = r"""
- name: What runs here?
  modwsgi.toolkit.mod_wsgi_status:
    home: /opt/mod_wsgi
    health:
      shop:
        url: http://127.0.0.1:8080/healthz
        status: [200]
  register: found
"""

RETURN = r"""
instances:
  description: One for each instance, in the order of their names.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    state:
      description: >-
        V(ready), V(starting) (some daemon has not loaded the application), V(running) (its own Python cannot be asked
        for more), V(stopped), or V(unfinished) (its set-up was interrupted).
      type: str
    pid:
      description: Process id of its httpd; 0 when it does not run.
      type: int
    up:
      description: How long that runs, as C(ps) says it.
      type: str
    url:
      description: Where a client of this machine reaches it.
      type: str
    python:
      description: Version of its Python.
      type: str
    httpd:
      description: Version of its httpd.
      type: str
    module:
      description: Version of mod_wsgi in its virtual environment.
      type: str
    release:
      description: Checksum of its application's source, shortened; empty when the application was not copied.
      type: str
    pending:
      description: What an interrupted run left to be done, V(none) when nothing is.
      type: str
    stale:
      description:
        - Where it and the machine have gone apart since it was started, a sentence with the fix each.
        - Another Python, httpd or module than it was set up with, a release that is not the current one, libraries from
          before an upgrade.
      type: list
      elements: str
    health:
      description: V(ok), what was wrong, or empty when it was not asked.
      type: str
    logs:
      description: Its logs by name.
      type: dict
"""

import json
import os
import re
import subprocess
import urllib.error

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.modwsgi.toolkit.plugins.module_utils import staleness
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import command_of
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import names as is_named

STEM = re.compile(r"\.(env|state|xml)$")


def read_json(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def names(home: str) -> list[str]:
    try:
        entries = os.listdir(os.path.join(home, "instances"))
    except FileNotFoundError:
        return []
    return sorted({STEM.sub("", entry) for entry in entries if not entry.startswith(".")})


def first_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        return ""
    return done.stdout.strip().partition("\n")[0].strip() if done.returncode == 0 else ""


def running(python: str, root: str) -> dict:
    """What mod_wsgi-express says of the server."""
    command = [python, "-m", "mod_wsgi.express", "status", "--json", "--server-root", root]
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, errors="replace", check=False)
        return json.loads(done.stdout)
    except (OSError, ValueError):
        return {}


def health(asked: dict, timeout: int) -> str:
    headers = {"Host": asked["host"]} if asked.get("host") else {}
    try:  # the instance itself is asked: no proxy, and a redirect is an answer
        code = open_url(asked["url"], headers=headers, timeout=timeout, use_proxy=False, follow_redirects="none").status
    except urllib.error.HTTPError as error:
        code = error.code
    except OSError as error:
        return f"no answer: {getattr(error, 'reason', error)}"
    return "ok" if code in asked.get("status", [200]) else f"answers {code}"


def pid_of(made: dict, root: str) -> int:
    """When its Python does not answer."""
    try:
        with open(made["pid_file"]) as file:
            pid = int(file.read())
    except (KeyError, OSError, ValueError):
        return 0
    return pid if is_named(command_of(pid), os.path.join(root, "httpd.conf")) else 0


def state_of(told: dict, pid: int, made: dict) -> str:
    if not pid:
        return "stopped" if made else "unfinished"
    if not told:
        return "running"
    return "ready" if told.get("ready") else "starting"


def describe(home: str, name: str, asked: dict | None, timeout: int) -> dict:
    root = os.path.join(home, "instances", name)
    made, state = read_json(os.path.join(root, "express.json")), read_json(root + ".state")
    python = os.path.join(made.get("python", {}).get("home", ""), "bin", "python")
    told = running(python, root) if made else {}
    pid = (told.get("pid") or 0) if told else pid_of(made, root)
    return {
        "name": name,
        "state": state_of(told, pid, made),
        "pid": pid,
        "up": first_line(["ps", "-o", "etime=", "-p", str(pid)]) if pid else "",
        "url": made.get("url", ""),
        "python": made.get("python", {}).get("version", ""),
        "httpd": made.get("httpd", {}).get("version", ""),
        "module": first_line([python, "-c", "import mod_wsgi; print(mod_wsgi.installed_version())"]) if made else "",
        "release": state.get("release", "").partition(" ")[0],
        "pending": state.get("pending") or "none",
        "health": health(asked, timeout) if asked and pid else "",
        "stale": staleness.sentences(home, name, made, state.get("release", ""), pid) if made else [],
        "logs": made.get("logs", {}),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path", "required": True},
            "health": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 5},
        },
        supports_check_mode=True,
    )
    params = module.params
    module.exit_json(
        changed=False,
        instances=[
            describe(params["home"], name, params["health"].get(name), params["timeout"])
            for name in names(params["home"])
        ],
    )


if __name__ == "__main__":
    main()
