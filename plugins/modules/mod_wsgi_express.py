#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_express
short_description: Have one mod_wsgi-express server run as described, with the smallest action that makes it so
version_added: 0.1.0
description:
  - Asks C(mod_wsgi-express plan) what differs, writes only that, and takes the smallest action that puts it into
    effect. When nothing differs, nothing is touched, not even a time of modification.
  - httpd itself checks the new configuration before the live one is touched. When the server does not start with it,
    the old files come back and the server is started with them.
  - What was written but not yet put into effect, because the play was interrupted, is remembered and done next time.
  - Options and environment go through standard input and files of their owner alone, never through a command line.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  name:
    description: Name of the instance, for messages.
    type: str
    required: true
  state:
    description:
      - Whether it runs.
      - V(checked) changes nothing and fails when it could not start because somebody else has its port, or because its
        O(python) is not there. A port that one of the O(neighbours) lets go of in the same run is no obstacle.
      - V(stopped) also keeps it from starting with the machine.
      - V(absent) stops it and removes its service and every file that this module made.
    type: str
    choices: [absent, checked, started, stopped]
    default: started
  server_root:
    description: Directory of everything generated.
    type: path
    required: true
  python:
    description: Python of the virtual environment that mod_wsgi is installed in. Required when O(state=started).
    type: path
  options:
    description: Options of C(mod_wsgi-express) by name. A list for one that may be given more than once.
    type: dict
    default: {}
  env_file:
    description:
      - File for O(env_content), readable by its owner only.
      - Name it as C(envvars-script) in O(options), or in the service.
    type: path
  env_content:
    description:
      - Text that sets the environment of the server, one C(NAME='value') after the other.
      - Each with C(export) for a shell; systemd reads it without, with C(EnvironmentFile=).
    type: str
  release:
    description:
      - Anything that changes when the code of the application does.
      - With a new value new processes load the application, and each takes the place of an old one when it is ready.
      - When it does not load, the old ones serve on and this module fails.
    type: str
    default: ""
  code_dir:
    description: Directory of O(code_sha256).
    type: path
  code_sha256:
    description:
      - Checksums of scripts by their paths below O(code_dir), as a task before this one brings them.
      - For check mode, in which that task has brought nothing.
    type: dict
    default: {}
  coming:
    description: Paths of what an earlier task would have installed. For check mode.
    type: list
    elements: path
    default: []
  opening:
    description:
      - Directories whose owner and group an earlier task would have changed. Who cannot reach them now is no error.
      - For check mode.
    type: list
    elements: path
    default: []
  selinux:
    description: Have C(restorecon) give what is in O(server_root) the types of SELinux's policy before it is started.
    type: bool
    default: false
  venv:
    description:
      - Virtual environment that O(python) will be of. For check mode, in which nothing has made it or switched to it.
    type: path
  wheels:
    description: What O(venv) will be made with. Check mode tells by it whether another mod_wsgi or httpd comes.
    type: list
    elements: str
    default: []
  neighbours:
    description:
      - Every instance that the run is about, this one included, from the filter P(modwsgi.toolkit.neighbours#filter).
      - They tell a port that somebody else has from one that is free when the turn of this instance comes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the instance.
        type: str
        required: true
      server_root:
        description: Its server root.
        type: path
        required: true
      service:
        description: What the manager in O(service) calls its service.
        type: str
        default: ""
      port:
        description: Its port after the run, V(0) when it does not run then.
        type: int
        default: 0
  service:
    description: How the operating system runs the server, from the filter P(modwsgi.toolkit.service#filter).
    type: dict
    default: {}
    suboptions:
      manager:
        description:
          - The service manager. V(none) lets the server run by itself in the background.
          - When another one has the server until now, it stops it and its definition is removed.
        type: str
        choices: [none, smf, systemd, systemd_user]
        default: none
      name:
        description: What the manager calls the service.
        type: str
      file:
        description: The file that defines the service. What changes in it takes effect by stop and start.
        type: path
      content:
        description: What that file contains.
        type: str
attributes:
  check_mode:
    description: Predicts files and action.
    support: full
  diff_mode:
    description: Shows the files, and of the environment only the names.
    support: full
"""

EXAMPLES = r"""
- name: The shop
  modwsgi.toolkit.mod_wsgi_express:
    name: shop
    server_root: /opt/mod_wsgi/instances/shop
    python: /opt/mod_wsgi/venvs/shop/bin/python
    options:
      entry-point: /opt/mod_wsgi/apps/shop/wsgi.py
      port: 8080
      processes: 4
      user: mod_wsgi
      service-script: [[mailer, /opt/mod_wsgi/apps/shop/mailer.py]]

- name: Not now
  modwsgi.toolkit.mod_wsgi_express:
    name: shop
    server_root: /opt/mod_wsgi/instances/shop
    state: stopped

- name: With the machine
  modwsgi.toolkit.mod_wsgi_express:
    name: shop
    server_root: /opt/mod_wsgi/instances/shop
    python: /opt/mod_wsgi/venvs/shop/bin/python
    options:
      entry-point: /opt/mod_wsgi/apps/shop/wsgi.py
    service:
      manager: systemd
      name: mod_wsgi-shop.service
      file: /etc/systemd/system/mod_wsgi-shop.service
      content: "{{ lookup('ansible.builtin.template', 'shop.service.j2') }}"
"""

RETURN = r"""
name:
  description: Name of the instance.
  returned: always
  type: str
port:
  description: The port that it listens on now, V(0) while it does not run.
  returned: with O(state=checked)
  type: int
action:
  description: >-
    What was done or would be done. V(none), V(usr1) (new processes load the application and take over),
    V(term) (services are replaced), V(graceful) (httpd reads its configuration again), V(stop_start), V(stop),
    V(remove).
  returned: always
  type: str
would_interrupt:
  description: Whether the action cuts requests that are being served.
  returned: always
  type: bool
reasons:
  description: Why, in words.
  returned: always
  type: list
  elements: str
files:
  description: Files that differ. A server root that was not there stands for everything in it.
  returned: always
  type: list
  elements: str
msg:
  description: All of it in one line.
  returned: always
  type: str
"""

import os
import shutil
import signal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import selinux_policy
from ansible_collections.modwsgi.toolkit.plugins.module_utils.differences import (
    GRACEFUL,
    NONE,
    STOP_START,
    TERM,
    USR1,
    Differences,
    ExpressError,
)
from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import (
    Files,
    Service,
    State,
    remove,
    write,
)
from ansible_collections.modwsgi.toolkit.plugins.module_utils.policy_record import PolicyError
from ansible_collections.modwsgi.toolkit.plugins.module_utils.ports import Holder, circle_error, giving_up
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import (
    Server,
    ServerError,
    port_error,
    wait_until_free,
)
from ansible_collections.modwsgi.toolkit.plugins.module_utils.smf import SmfServer
from ansible_collections.modwsgi.toolkit.plugins.module_utils.systemd import SystemdServer, SystemdUserServer

SERVERS = {"none": Server, "smf": SmfServer, "systemd": SystemdServer, "systemd_user": SystemdUserServer}


def listening(server: Server, state: State) -> int:
    """The port that a server has now; 0 while it does not run."""
    return int(state.get("port") or 0) if server.pid() is not None else 0


class Instance:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        root = self.params["server_root"]
        self.service = Service(self.params["service"])
        self.server = SERVERS[self.service.manager](root, self.service.name)
        self.state = State(root)
        self.former = self.service.former(self.state)
        # As it is managed until now.
        self.running = SERVERS[self.former.manager](root, self.former.name) if self.former else self.server
        self.port = int(self.params["options"].get("port", 8000))
        self.differences = Differences(module, self.running, self.service, self.state)

    def fail(self, text: str, **more: object) -> None:
        self.module.fail_json(msg=f"instance '{self.params['name']}': {text}", **more)

    @property
    def has_port(self) -> int:
        return listening(self.running, self.state)

    def check_port(self) -> None:
        """A port that somebody else has must not stop what runs now, so this comes before everything else."""
        if self.has_port == self.port:
            return
        problem = port_error(self.params["options"].get("host"), self.port)
        if not problem:
            return
        way = self.on_the_way()
        circle = circle_error(self.params["name"], self.port, way)
        if not way or circle:
            self.fail(
                circle
                or f"{problem}. Stop what listens there, or choose another port: the key 'port' of the instance, "
                "for the example -e mod_wsgi_port=NUMBER"
            )

    def on_the_way(self) -> list[Holder]:
        """Neighbours that let go of the port before the turn of this instance. When it is its turn they have."""
        if self.params["state"] == "started" and not self.module.check_mode:
            return []
        holders = []
        for each in self.params["neighbours"]:
            server = SERVERS[self.service.manager](each["server_root"], each["service"])
            holders.append(Holder(each["name"], listening(server, State(each["server_root"])), each["port"]))
        return giving_up(self.port, holders)

    def apply(self, plan: dict) -> None:
        differences = self.differences
        backup = Files([*differences.files(plan), self.state.path])
        self.state.put(pending=plan["action"])
        if differences.env_differs():
            write(self.params["env_file"], differences.env, 0o600)
        if self.service.differs:
            os.makedirs(os.path.dirname(self.service.file), mode=0o755, exist_ok=True)  # a user's own may be missing
            write(self.service.file, self.service.content, 0o644)
        differences.express("setup-server")
        try:
            self.leave_former()
            if self.params["selinux"]:
                selinux_policy.restore(self.module.run_command, [self.params["server_root"]])
            self.act(plan)
            if self.server.is_enabled() is False:
                self.server.enable(True)
        except (PolicyError, ServerError) as error:
            again = self._back(backup) if plan["pid"] is not None and plan["action"] == STOP_START else ""
            self.fail(f"{error}{again}", action=plan["action"], reasons=plan["reasons"])
        done = {"release": self.params["release"], "port": str(self.port), **self.service.recorded()}
        self.state.put(pending=NONE, **done)

    def stop(self) -> None:
        self.running.stop()
        if self.running.is_enabled():
            self.running.enable(False)

    def leave_former(self) -> None:
        """The service manager from before shall start it no more."""
        if not self.former:
            return
        self.stop()
        if self.former.file:
            remove(self.former.file)
        self.running.define()

    def act(self, plan: dict) -> None:
        action = plan["action"]
        if action == STOP_START:
            self.server.define()
            self.server.restart()
        elif action == GRACEFUL:
            before = self.has_port
            self.server.graceful()
            if before not in (0, self.port):
                wait_until_free(self.params["options"].get("host"), before)
        elif action == USR1:
            self.server.reload(self.params["python"])
        elif action == TERM:
            for name in plan["services"]:
                self.server.signal(plan["daemons"].get(f"service:{name}", []), signal.SIGTERM)

    def _back(self, backup: Files) -> str:
        backup.restore()
        try:
            self.server.define()
            self.server.restart()
        except ServerError as error:
            return f" The previous configuration is back, but does not start either: {error}"
        return " The previous configuration is back and serves."


def without_plan(instance: Instance, why: str) -> dict:
    """In check mode, of an instance that mod_wsgi-express cannot be asked about yet."""
    instance.check_port()
    runs = instance.running.pid() is not None
    files = [instance.params["server_root"], *instance.differences.files({"files": []})]
    return result(instance.params["name"], STOP_START, [why if runs else "it does not run"], files, runs)


def started(instance: Instance) -> dict:
    module, params, differences = instance.module, instance.params, instance.differences
    if module.check_mode and not os.access(differences.python, os.X_OK):
        return without_plan(instance, "its virtual environment is new")
    if params["env_file"] and differences.env_before is None:
        if module.check_mode:
            return without_plan(instance, "nothing was set up here before")
        differences.create_env()  # express wants to see the file it is told about
    plan = differences.plan()
    files = differences.told(plan)
    interrupts = plan["action"] == STOP_START and plan["pid"] is not None
    found = result(params["name"], plan["action"], plan["reasons"], files, interrupts)
    if found["changed"]:
        instance.check_port()
        if not module.check_mode:
            instance.apply(plan)
    return {**found, "diff": differences.diff(plan)}


def checked(instance: Instance) -> dict:
    python = instance.params["python"]
    if python and not os.access(python, os.X_OK):
        instance.fail(f"python {python} is not there or cannot be run. Name a Python 3.9 or newer, or install it")
    instance.check_port()
    return {**result(instance.params["name"], NONE, [], []), "port": instance.has_port}


def stopped(instance: Instance) -> dict:
    name, runs, is_enabled = instance.params["name"], instance.running.pid() is not None, instance.running.is_enabled()
    reasons = ["it runs"] if runs else []
    reasons += ["it starts with the machine"] if is_enabled else []
    found = result(name, "stop" if reasons else NONE, reasons, [], runs)
    if reasons and not instance.module.check_mode:
        try:
            instance.stop()
        except ServerError as error:
            instance.fail(str(error))
    return found


def absent(instance: Instance) -> dict:
    """The server root goes last: while it is there, a removal that was interrupted is taken up again."""
    root = instance.params["server_root"]
    definitions = [each.file for each in (instance.former, instance.service) if each and each.file]
    files = [root + ".env", instance.state.path, root]
    there = [path for path in [*definitions, *files] if os.path.lexists(path)]
    runs = stopped(instance)["would_interrupt"]
    if there and not instance.module.check_mode:
        for path in definitions:
            remove(path)
        for server in dict.fromkeys((instance.running, instance.server)):
            server.define()  # in any case: an earlier removal may have been interrupted after the file
        for path in files:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                remove(path)
    return result(instance.params["name"], "remove" if there else NONE, [], there, runs)


def result(name: str, action: str, reasons: list[str], files: list[str], interrupts: bool = False) -> dict:
    msg = f"{name}: action={action}" + (f" ({'; '.join(reasons)})" if reasons else "")
    return {
        "name": name,
        "changed": bool(files) or bool(reasons) or action != NONE,
        "action": action,
        "reasons": reasons,
        "files": files,
        "would_interrupt": interrupts,
        "msg": msg + (" would_interrupt=true" if interrupts else ""),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["absent", "checked", "started", "stopped"], "default": "started"},
            "server_root": {"type": "path", "required": True},
            "python": {"type": "path"},
            "options": {"type": "dict", "default": {}},
            "env_file": {"type": "path"},
            "env_content": {"type": "str", "no_log": True},
            "release": {"type": "str", "default": ""},
            "code_dir": {"type": "path"},
            "code_sha256": {"type": "dict", "default": {}},
            "coming": {"type": "list", "elements": "path", "default": []},
            "opening": {"type": "list", "elements": "path", "default": []},
            "selinux": {"type": "bool", "default": False},
            "venv": {"type": "path"},
            "wheels": {"type": "list", "elements": "str", "default": []},
            "neighbours": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "server_root": {"type": "path", "required": True},
                    "service": {"type": "str", "default": ""},
                    "port": {"type": "int", "default": 0},
                },
            },
            "service": {
                "type": "dict",
                "default": {},
                "apply_defaults": True,
                "options": {
                    "manager": {"type": "str", "choices": sorted(SERVERS), "default": "none"},
                    "name": {"type": "str"},
                    "file": {"type": "path"},
                    "content": {"type": "str"},
                },
            },
        },
        required_if=[("state", "started", ("python",))],
        required_by={"env_content": "env_file"},
        supports_check_mode=True,
    )
    states = {"absent": absent, "checked": checked, "started": started, "stopped": stopped}
    instance = Instance(module)
    try:
        module.exit_json(**states[module.params["state"]](instance))
    except ExpressError as error:
        instance.fail(str(error))


if __name__ == "__main__":
    main()
