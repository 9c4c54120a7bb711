# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that SMF runs, the service manager of Solaris and illumos, as an instance of svc:/application/mod_wsgi."""

from __future__ import annotations

import os
import subprocess

from ansible_collections.modwsgi.toolkit.plugins.module_utils.server import Server, ServerError

PATH = "/usr/sbin:/usr/bin"
# The methods have limits of their own, and SMF tries a start three times.
PATIENCE_SECONDS = 900


class SmfServer(Server):
    """What runs without SMF, from an earlier install, is stopped and taken over.

    The manifest lies beside the server root and not in a standard location of Solaris: from there ``svccfg delete``
    would only hide the instance.
    """

    @property
    def manifest(self) -> str:
        return self.root + ".xml"

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(words),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, "PATH": os.environ.get("PATH", "") + ":" + PATH, "LC_ALL": "C"},
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def _must(self, *words: str) -> None:
        done = self._run(*words)
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise ServerError(f"{' '.join(words)}: exit code {done.returncode}. {said}")

    def state(self) -> str:
        """As svcs tells it; empty when SMF does not know the instance. An asterisk says that it is changing."""
        done = self._run("svcs", "-H", "-o", "state", self.service)
        return done.stdout.strip().rstrip("*") if done.returncode == 0 else ""

    def is_enabled(self) -> bool | None:
        done = self._run("svcprop", "-p", "general/enabled", self.service)
        return done.stdout.strip() == "true" if done.returncode == 0 else None

    def enable(self, wanted: bool) -> None:
        self._must("svcadm", "enable" if wanted else "disable", "-s", self.service)

    def define(self) -> None:
        if os.path.exists(self.manifest):
            self._must("svccfg", "validate", self.manifest)
            self._must("svccfg", "import", self.manifest)
        elif self.state():
            self._must("svccfg", "delete", "-f", self.service)

    def start(self) -> None:
        state = self.state()
        if state != "online":
            super().stop()
        if state == "maintenance":
            self._must("svcadm", "clear", self.service)
        try:
            self._must("svcadm", "enable", "-s", self.service)
        except ServerError as error:
            raise ServerError(f"{error} {self._log()}".rstrip()) from None
        self.wait_for_start(f"See: svcs -xv {self.service}")

    def stop(self) -> None:
        """For now only: whether it starts with the machine stays as it is."""
        if self.state() not in ("", "disabled"):
            self._must("svcadm", "disable", "-s", "-t", self.service)
        super().stop()

    def graceful(self) -> None:
        if self.state() != "online":
            self.restart()
            return
        self._must("svcadm", "refresh", self.service)

    def _log(self) -> str:
        """The end of what the methods said."""
        path = self._run("svcprop", "-p", "restarter/logfile", self.service).stdout.strip()
        try:
            with open(path, errors="replace") as file:
                return f"The end of {path}: " + " ".join(file.read()[-1000:].split())
        except OSError:
            return f"See: svcs -xv {self.service}"
