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
        description: The service manager. V(none) lets the server run by itself in the background.
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
  platform:
    description: Any POSIX system with Python 3.9.
    platforms: posix
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

import json
import os
import re
import shutil
import signal

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import foresight, selinux_policy
from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import (
    Files,
    Service,
    State,
    read,
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
NONE = "none"
TERM = "term"
USR1 = "usr1"
GRACEFUL = "graceful"
STOP_START = "stop_start"
STRENGTH = [NONE, TERM, USR1, GRACEFUL, STOP_START]
# A line of the environment file; a value in quotes may have several. systemd takes the same without the word.
VARIABLE = r"^(?:export )?([A-Za-z_][A-Za-z0-9_]*)="
ASSIGNMENT = re.compile(VARIABLE + r"((?:'[^']*'|\"[^\"]*\"|[^'\"\n])*)$", re.MULTILINE)


def changed_names(before: bytes, after: bytes) -> list[str]:
    """Names of variables whose value differs. Values are not for showing."""
    old, new = (dict(ASSIGNMENT.findall(text.decode(errors="replace"))) for text in (before, after))
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


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
        self.env = (self.params["env_content"] or "").encode()
        self.env_before = read(self.params["env_file"])
        self.port = int(self.params["options"].get("port", 8000))
        self.manifest = os.path.join(root, "express.json")
        self.is_new = not os.path.lexists(root)
        self.env_created = False
        self.python = self.params["python"]
        self.coming_environment = self.foreseen_environment()

    # -- what differs
    def recorded(self) -> dict:
        """What express noted when it set up the server."""
        return json.loads(read(self.manifest) or b"{}")

    def foreseen_environment(self) -> foresight.Environment | None:
        """In check mode, of a server that is set up; and then the environment from before can be asked."""
        recorded, venv = self.recorded(), self.params["venv"]
        if not self.module.check_mode or not venv or "module" not in recorded:
            return None
        found = foresight.Environment(self.python, venv, self.params["wheels"], recorded)
        if not os.access(self.python, os.X_OK):
            self.python = found.python
        return found

    def express(self, command: str, *more: str) -> str:
        """Runs mod_wsgi-express; its own one-line error is the error of this module."""
        python = self.python
        code, output, problem = self.module.run_command(
            [python, "-m", "mod_wsgi.express", command, *more, "--options-file", "-"],
            data=json.dumps({"options": self.params["options"]}),
            cwd="/",
        )
        if code != 0:
            said = (problem or output).strip()
            if "mod_wsgi" not in said or "Traceback" in said:
                said = f"{python} -m mod_wsgi.express {command}: exit code {code}. {said[-2000:]}"
            self.fail(said)
        return output

    def fail(self, text: str, **more: object) -> None:
        self.module.fail_json(msg=f"instance '{self.params['name']}': {text}", **more)

    def env_differs(self) -> bool:
        return bool(self.params["env_file"]) and self.env_before != self.env

    def plan(self) -> dict:
        """The plan of express, and on top of it what only this module knows."""
        plan = json.loads(self.express("plan", "--json", *self.missing_yet()))
        pid = self.server.pid()
        action, reasons = plan["action"], list(plan["reasons"])
        for found, wanted, reason in self._more_reasons():
            if found:
                action = max(action, wanted, key=STRENGTH.index)
                reasons.append(reason)
        if pid is None:
            action, reasons = STOP_START, ["it does not run"]
        elif self.server.is_enabled() is False:
            reasons.append("it does not start with the machine")
        return {**plan, "pid": pid, "action": action, "reasons": list(dict.fromkeys(reasons))}

    def _more_reasons(self) -> list[tuple[bool, str, str]]:
        pending = self.state.get("pending") or NONE
        coming = self.coming()
        environment = self.coming_environment.reasons() if self.coming_environment else []
        names = ", ".join(changed_names(self.env_before or b"", self.env)) if self.env_differs() else ""
        return [
            (self.env_differs(), STOP_START, f"environment changed: {names}"),
            (self.state.get("release") != self.params["release"], USR1, "the code of the application changed"),
            *((True, STOP_START, reason) for reason in environment),
            # As mod_wsgi-express decides, once the scripts are there.
            (len(coming) > 1 and "the application" in coming, GRACEFUL, f"{' and '.join(coming)} changed"),
            (self.state.get("service") != self.service.digest, STOP_START, "the definition of the service changed"),
            (pending in STRENGTH[1:], pending, "an earlier run was interrupted before it took effect"),
        ]

    def differing(self, plan: dict) -> list[str]:
        files = [file["path"] for file in plan["files"] if file["state"] != "same" or self.names_the_past(file["path"])]
        another = self.coming_environment.reasons() if self.coming_environment else []
        if (another or self.coming()) and self.manifest not in files:
            files.append(self.manifest)
        files += [self.params["env_file"]] if self.env_differs() or self.env_created else []
        return files + ([self.service.file] if self.service.differs else [])

    def missing_yet(self) -> list[str]:
        """In check mode, what earlier tasks would have brought: the code of a release, programs, other permissions."""
        if not self.module.check_mode:
            return []
        directory = self.params["code_dir"]
        code = [directory] if directory and self.state.get("release") != self.params["release"] else []
        words = [word for path in (*code, *self.params["coming"]) for word in ("--coming", path)]
        return words + [word for path in self.params["opening"] for word in ("--opening", path)]

    def names_the_past(self, path: str) -> bool:
        """Whether a file that express makes will be another since the environment that comes is another."""
        if not self.coming_environment:
            return False
        return self.coming_environment.changes((read(path) or b"").decode(errors="replace"))

    def coming(self) -> list[str]:
        """In check mode, what will be a new script."""
        if not self.module.check_mode:
            return []
        return foresight.scripts(self.recorded(), self.params["code_dir"] or "", self.params["code_sha256"])

    def told(self, files: list[str]) -> list[str]:
        """The files for the result. A server root that was not there stands for everything in it."""
        root = self.params["server_root"]
        return [root, *(file for file in files if not file.startswith(root + os.sep))] if self.is_new else files

    def diff(self, plan: dict) -> list[dict]:
        shown = [{"prepared": file["diff"]} for file in plan["files"] if file.get("diff")]
        if self.env_differs():
            names = changed_names(self.env_before or b"", self.env)
            shown.append(
                {"prepared": f"{self.params['env_file']}: values of {', '.join(names) or 'no variable'} differ\n"}
            )
        if self.service.differs:
            shown.append({"prepared": self.service.diff()})
        return shown

    # -- make it so
    @property
    def has_port(self) -> int:
        return listening(self.server, self.state)

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
        backup = Files([*self.differing(plan), self.state.path])
        self.state.put(pending=plan["action"])
        if self.env_differs():
            write(self.params["env_file"], self.env, 0o600)
        if self.service.differs:
            os.makedirs(os.path.dirname(self.service.file), mode=0o755, exist_ok=True)  # a user's own may be missing
            write(self.service.file, self.service.content, 0o644)
        self.express("setup-server")
        try:
            if self.params["selinux"]:
                selinux_policy.restore(self.module.run_command, [self.params["server_root"]])
            self.act(plan)
            if self.server.is_enabled() is False:
                self.server.enable(True)
        except (PolicyError, ServerError) as error:
            again = self._back(backup) if plan["pid"] is not None and plan["action"] == STOP_START else ""
            self.fail(f"{error}{again}", action=plan["action"], reasons=plan["reasons"])
        done = {"release": self.params["release"], "service": self.service.digest, "port": str(self.port)}
        self.state.put(pending=NONE, **done)

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
    runs = instance.server.pid() is not None
    files = [instance.params["server_root"], *instance.differing({"files": []})]
    return result(instance.params["name"], STOP_START, [why if runs else "it does not run"], files, runs)


def started(instance: Instance) -> dict:
    module, params = instance.module, instance.params
    if module.check_mode and not os.access(instance.python, os.X_OK):
        return without_plan(instance, "its virtual environment is new")
    if params["env_file"] and instance.env_before is None and not module.check_mode:
        os.makedirs(os.path.dirname(params["env_file"]), mode=0o755, exist_ok=True)
        write(params["env_file"], instance.env, 0o600)  # express wants to see the file it is told about
        instance.env_created, instance.env_before = True, instance.env
    if params["env_file"] and instance.env_before is None:
        return without_plan(instance, "nothing was set up here before")
    plan = instance.plan()
    files = instance.told(instance.differing(plan))
    interrupts = plan["action"] == STOP_START and plan["pid"] is not None
    found = result(params["name"], plan["action"], plan["reasons"], files, interrupts)
    if found["changed"]:
        instance.check_port()
        if not module.check_mode:
            instance.apply(plan)
    return {**found, "diff": instance.diff(plan)}


def checked(instance: Instance) -> dict:
    python = instance.params["python"]
    if python and not os.access(python, os.X_OK):
        instance.fail(f"python {python} is not there or cannot be run. Name a Python 3.9 or newer, or install it")
    instance.check_port()
    return {**result(instance.params["name"], NONE, [], []), "port": instance.has_port}


def stopped(instance: Instance) -> dict:
    name, runs, is_enabled = instance.params["name"], instance.server.pid() is not None, instance.server.is_enabled()
    reasons = ["it runs"] if runs else []
    reasons += ["it starts with the machine"] if is_enabled else []
    found = result(name, "stop" if reasons else NONE, reasons, [], runs)
    if reasons and not instance.module.check_mode:
        try:
            instance.server.stop()
            if is_enabled:
                instance.server.enable(False)
        except ServerError as error:
            instance.fail(str(error))
    return found


def absent(instance: Instance) -> dict:
    """The server root goes last: while it is there, a removal that was interrupted is taken up again."""
    root = instance.params["server_root"]
    service, files = instance.service.file, [root + ".env", instance.state.path, root]
    there = [path for path in [service, *files] if path and os.path.lexists(path)]
    runs = stopped(instance)["would_interrupt"]
    if there and not instance.module.check_mode:
        if service:  # an earlier removal may have been interrupted after the file
            remove(service)
            instance.server.define()
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
    module.exit_json(**states[module.params["state"]](Instance(module)))


if __name__ == "__main__":
    main()
