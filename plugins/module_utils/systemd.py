# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that systemd runs as a unit."""

from __future__ import annotations

import subprocess

from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import Server, ServerError


class SystemdServer(Server):
    """What runs without the unit, from an earlier install, is stopped and taken over."""

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["systemctl", *words], capture_output=True, text=True, errors="replace", check=False)

    def _systemctl(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode != 0:
            raise ServerError(f"systemctl {' '.join(words)}: {' '.join((done.stderr or done.stdout).split())}")

    def is_active(self) -> bool:
        return self._run("is-active", "--quiet", self.service).returncode == 0

    def is_enabled(self) -> bool:
        return self._run("is-enabled", "--quiet", self.service).returncode == 0

    def enable(self, wanted: bool) -> None:
        self._systemctl("enable" if wanted else "disable", self.service)

    def define(self) -> None:
        self._systemctl("daemon-reload")

    def start(self) -> None:
        if not self.is_active():
            super().stop()
        self._systemctl("start", self.service)
        self.wait_for_start(f"See: journalctl -u {self.service}")

    def stop(self) -> None:
        if self.is_active():
            self._systemctl("stop", self.service)
        super().stop()

    def graceful(self) -> None:
        if not self.is_active():
            self.restart()
            return
        self._systemctl("reload", self.service)
