#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_wheel
short_description: Have a wheel in a wheelhouse, built in the background when it is not there
version_added: 0.1.0
description:
  - Does nothing when the wheelhouse has the wheel.
  - Else it starts C(pip wheel) in the background, or finds the one that an earlier, interrupted call started, waits for
    O(wait) seconds and tells how far it is. Call it in a loop that ends when RV(finished) is true.
  - The wheel appears in the wheelhouse by rename, so whatever lies there is whole.
  - The build works on a copy of a source directory, and all its files are below O(work_dir), closed to other users.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  pattern:
    description: File name of the wanted wheel, as a shell pattern.
    type: str
    required: true
  source:
    description: What to build, a requirement such as C(mod_wsgi-httpd==2.4.69.1) or a source directory.
    type: str
    required: true
  pip:
    description: The pip that builds, as an absolute path, so the one of an environment that need not be active.
    type: path
    required: true
  arguments:
    description: Further arguments of C(pip wheel).
    type: list
    elements: str
    default: []
  environment:
    description: Environment variables of the build.
    type: dict
    default: {}
  wheelhouse:
    description: Directory of the finished wheel.
    type: path
    required: true
  work_dir:
    description: Directory of builds. On the file system of the wheelhouse.
    type: path
    required: true
  path:
    description: Directories of tools for the build, before those of E(PATH).
    type: list
    elements: path
    default: []
  wait:
    description: Seconds to wait for a running build in this call.
    type: int
    default: 15
attributes:
  check_mode:
    description: Tells whether a wheel would be built.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
"""

EXAMPLES = r"""
- name: Compile the Apache httpd
  modwsgi.toolkit.mod_wsgi_wheel:
    source: mod_wsgi-httpd==2.4.69.1
    pattern: mod_wsgi_httpd-2.4.69.1-cp311-*.whl
    pip: /opt/mod_wsgi/build/venv/bin/pip
    wheelhouse: /opt/mod_wsgi/wheelhouse
    work_dir: /opt/mod_wsgi/build
  register: compiled
  loop: "{{ range(240) | list }}"
  loop_control:
    label: "{{ compiled.msg }}"
    break_when: compiled.finished
"""

RETURN = r"""
finished:
  description: Whether the wheel is there. In check mode always true.
  returned: always
  type: bool
path:
  description: The wheel.
  returned: when it is there
  type: str
msg:
  description: One line on what happens, the newest of the build's log while it runs.
  returned: always
  type: str
log:
  description: The log of the build.
  returned: when something was built
  type: str
"""

import fcntl
import glob
import hashlib
import os
import shutil
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import background

# The exit code appears by rename, so that a file that is there is whole.
SUPERVISOR = 'result=$1; shift; "$@"; echo $? >"$result.new"; mv "$result.new" "$result"'
LEFT_OUT = shutil.ignore_patterns("__pycache__", "build", "dist", "*.egg-info", "*.o", "*.so", "*.pyc", "tests", ".*")


class Job:
    """One build, known by its lock: whoever holds it is building. The background process inherits it."""

    def __init__(self, params: dict) -> None:
        self.params = params
        # The wheelhouse is part of it: what was built for another platform key is no result for this one.
        known_by = " ".join(params[name] for name in ("pattern", "source", "pip", "wheelhouse"))
        key = hashlib.sha256(known_by.encode()).hexdigest()[:12]
        self.directory = os.path.join(params["work_dir"], f"job-{key}")
        self.lock = self.directory + ".lock"
        self.log = self.directory + ".log"
        self.result = os.path.join(self.directory, "result")

    def wheel(self, directory: str) -> str | None:
        found = sorted(glob.glob(os.path.join(glob.escape(directory), self.params["pattern"])))
        return found[-1] if found else None

    def start(self, lock: int) -> None:
        """The build as a process of its own session: it goes on when the caller is interrupted."""
        shutil.rmtree(self.directory, ignore_errors=True)
        for name in ("tmp", "wheel"):
            os.makedirs(os.path.join(self.directory, name))
        source = self.params["source"]
        if os.path.isdir(source):
            copy = os.path.join(self.directory, "source")
            shutil.copytree(source, copy, ignore=LEFT_OUT)
            source = copy
        command = [self.params["pip"], "wheel", "--no-deps", "--wheel-dir", os.path.join(self.directory, "wheel")]
        environment = {**os.environ, **{name: str(value) for name, value in self.params["environment"].items()}}
        environment["PATH"] = os.pathsep.join((*self.params["path"], environment.get("PATH", os.defpath)))
        environment.update(
            TMPDIR=os.path.join(self.directory, "tmp"), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1"
        )
        supervised = ["/bin/sh", "-c", SUPERVISOR, "sh", self.result, *command, "--verbose", *self.params["arguments"]]
        background.start([*supervised, source], environment, self.directory, self.log, lock)

    def exit_code(self) -> int | None:
        try:
            with open(self.result) as file:
                return int(file.read())
        except OSError:
            return None

    def tail(self, lines: int) -> str:
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
                text = file.read().decode(errors="replace")
        except OSError:
            return ""
        return "\n".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])

    def progress(self) -> str:
        """How long it takes already, and the newest line of its log without the path that is in every one."""
        try:
            seconds = int(time.time() - os.stat(os.path.join(self.directory, "wheel")).st_mtime)
        except OSError:
            return "starting"
        return f"{seconds} s: {self.tail(1).replace(self.directory + os.sep, '')[:100]}"

    def finish(self) -> str | None:
        """The wheel, moved to the wheelhouse, or None when the build failed. Only the log stays."""
        built = self.wheel(os.path.join(self.directory, "wheel")) if self.exit_code() == 0 else None
        path = None
        if built:
            os.makedirs(self.params["wheelhouse"], exist_ok=True)
            path = os.path.join(self.params["wheelhouse"], os.path.basename(built))
            os.chmod(built, 0o644)
            os.replace(built, path)
        shutil.rmtree(self.directory, ignore_errors=True)
        return path


def take(path: str) -> int | None:
    """The lock as an open descriptor, or None while somebody else has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def advance(module: AnsibleModule, job: Job) -> dict:
    """One step of the loop: start what does not run, wait a little, and take the result when there is one."""
    lock = take(job.lock)
    if lock is not None and job.exit_code() is None:
        job.start(lock)
        os.close(lock)  # the build has it now
        lock = None
    until = time.monotonic() + module.params["wait"]
    while lock is None and time.monotonic() < until:
        time.sleep(0.2)
        lock = take(job.lock)
    if lock is None:
        return {"changed": False, "finished": False, "msg": job.progress(), "log": job.log}
    code = job.exit_code()
    path = job.finish()
    os.close(lock)
    if path is None:
        module.fail_json(msg=f"building {job.params['source']} failed ({code}). The end of {job.log}:\n{job.tail(20)}")
    return {"changed": True, "finished": True, "path": path, "msg": f"built {os.path.basename(path)}", "log": job.log}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "pattern": {"type": "str", "required": True},
            "source": {"type": "str", "required": True},
            "pip": {"type": "path", "required": True},
            "arguments": {"type": "list", "elements": "str", "default": []},
            "environment": {"type": "dict", "default": {}},
            "wheelhouse": {"type": "path", "required": True},
            "work_dir": {"type": "path", "required": True},
            "path": {"type": "list", "elements": "path", "default": []},
            "wait": {"type": "int", "default": 15},
        },
        supports_check_mode=True,
    )
    job = Job(module.params)
    there = job.wheel(module.params["wheelhouse"])
    if there:
        module.exit_json(changed=False, finished=True, path=there, msg=f"{os.path.basename(there)} is there")
    if module.check_mode:
        module.exit_json(changed=True, finished=True, msg=f"would build {module.params['source']}")
    os.makedirs(module.params["work_dir"], mode=0o700, exist_ok=True)
    module.exit_json(**advance(module, job))


if __name__ == "__main__":
    main()
