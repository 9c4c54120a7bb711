# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of an instance differs from what it shall be, and the action that this needs."""

from __future__ import annotations

import json
import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import foresight
from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import Service, State, read, write
from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import Server

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


class ExpressError(Exception):
    """What mod_wsgi-express found wrong, in its own words where it said so in one line."""


class Differences:
    """Asks mod_wsgi-express, and knows beyond it the environment file, the release and the service; in check mode, too,
    what earlier tasks would have brought."""

    def __init__(self, module: AnsibleModule, server: Server, service: Service, state: State) -> None:
        self.module, self.params = module, module.params
        self.server, self.service, self.state = server, service, state
        self.former = service.former(state)
        root = self.params["server_root"]
        self.env = (self.params["env_content"] or "").encode()
        self.env_before = read(self.params["env_file"])
        self.env_created = False
        self.manifest = os.path.join(root, "express.json")
        self.is_new = not os.path.lexists(root)
        self.python = self.params["python"]
        self.coming_environment = self.foreseen_environment()

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
        """Runs mod_wsgi-express. Raises ExpressError."""
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
            raise ExpressError(said)
        return output

    def env_differs(self) -> bool:
        return bool(self.params["env_file"]) and self.env_before != self.env

    def create_env(self) -> None:
        os.makedirs(os.path.dirname(self.params["env_file"]), mode=0o755, exist_ok=True)
        write(self.params["env_file"], self.env, 0o600)
        self.env_created, self.env_before = True, self.env

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
            (self.former is not None, STOP_START, "the service manager changed"),
            (pending in STRENGTH[1:], pending, "an earlier run was interrupted before it took effect"),
        ]

    def files(self, plan: dict) -> list[str]:
        files = [file["path"] for file in plan["files"] if file["state"] != "same" or self.names_the_past(file["path"])]
        another = self.coming_environment.reasons() if self.coming_environment else []
        if (another or self.coming()) and self.manifest not in files:
            files.append(self.manifest)
        files += [self.params["env_file"]] if self.env_differs() or self.env_created else []
        files += [self.former.file] if self.former and self.former.file else []
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

    def told(self, plan: dict) -> list[str]:
        """The files for the result. A server root that was not there stands for everything in it."""
        root, files = self.params["server_root"], self.files(plan)
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
