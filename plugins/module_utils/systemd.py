# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that systemd runs as a unit. It is systemd that says which process is the server and that signals it: what
the unit's user writes into files does not count."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import Server, ServerError, command_of

RUNNING = ("active", "reloading")
ENDED = ("inactive", "failed")


class SystemdServer(Server):
    """What runs without the unit, from an earlier install, is stopped and taken over."""

    options: tuple[str, ...] = ()

    def _run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *self.options, *words], capture_output=True, text=True, errors="replace", check=False
        )

    def _systemctl(self, *words: str) -> None:
        done = self._run("systemctl", *words)
        if done.returncode != 0:
            said = (done.stderr or done.stdout) + self._last_words()
            raise ServerError(f"systemctl {' '.join(words)}: {' '.join(said.split())}")

    def _last_words(self) -> str:
        unit = "--user-unit" if self.options else "--unit"
        journal = ["journalctl", unit, self.service, "--lines=3", "--output=cat", "--no-pager", "--quiet"]
        try:
            done = subprocess.run(journal, capture_output=True, text=True, errors="replace", check=False)
        except OSError:
            return ""
        return f" The end of its journal: {done.stdout}" if done.stdout.strip() else ""

    def _property(self, name: str) -> str:
        return self._run("systemctl", "show", f"--property={name}", "--value", self.service).stdout.strip()

    def pid(self) -> int | None:
        main = self._property("MainPID")
        if main.isdigit() and int(main) and self.conf in command_of(int(main)):
            return int(main)
        return super().pid()

    def is_enabled(self) -> bool:
        return self._run("systemctl", "is-enabled", "--quiet", self.service).returncode == 0

    def enable(self, wanted: bool) -> None:
        self._systemctl("enable" if wanted else "disable", self.service)

    def define(self) -> None:
        self._systemctl("daemon-reload")

    def start(self) -> None:
        if self._property("ActiveState") not in RUNNING:
            super().stop()
        self._systemctl("start", self.service)
        self.wait_for_start(f"See: journalctl -u {self.service}")

    def stop(self) -> None:
        if self._property("ActiveState") not in ENDED:
            self._systemctl("stop", self.service)
        super().stop()

    def graceful(self) -> None:
        if self._property("ActiveState") not in RUNNING:
            self.restart()
            return
        self._systemctl("kill", "--kill-who=main", "--signal=USR1", self.service)

    def reload(self, python: str) -> None:
        if self._property("ActiveState") not in RUNNING:
            self.restart()
            return
        self._systemctl("reload", self.service)

    def signal(self, pids: list[int], number: int) -> None:
        super().signal([pid for pid in pids if self._has(pid)], number)

    def _has(self, pid: int) -> bool:
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                return f"/{self.service}" in file.read()
        except OSError:
            return False


class SystemdUserServer(SystemdServer):
    """The same in the service manager of one user."""

    options = ("--user",)

    def _run(self, program: str, *words: str) -> subprocess.CompletedProcess[str]:
        # A session by ssh or sudo may lack it.
        os.environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
        return super()._run(program, *words)
