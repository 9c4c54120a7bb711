#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""contract FMRI: stands in for svc.startd with one instance. Runs its methods, keeps the processes that a start leaves
as its own descendants, starts again when none is left, and goes into maintenance when that does not help.

TERM stops, HUP restarts, USR1 refreshes.
"""

from __future__ import annotations

import contextlib
import ctypes
import grp
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import repository

SET_CHILD_SUBREAPER = 36
FATAL, CONFIGURATION = 95, 96
STARTS = 3
QUICK_RESTARTS, QUICK_SECONDS = 5, 30
LOOK_SECONDS = 0.05


class Contract:
    def __init__(self, fmri: str) -> None:
        self.fmri = fmri
        self.orders: list[int] = []
        self.restarts: list[float] = []
        self.configuration = repository.configured(fmri)

    def say(self, text: str) -> None:
        path = repository.log_file(self.fmri)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as log:
            log.write(f"[ {time.strftime('%Y %b %e %H:%M:%S')} {text} ]\n")

    def state(self, state: str) -> None:
        repository.note(self.fmri, state=state, holder=os.getpid())

    def members(self) -> set[int]:
        self._reap()
        return repository.descendants(os.getpid())

    def _reap(self) -> None:
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return

    def run(self, name: str) -> int:
        """One method, as its own credential, with nothing of ours in its environment."""
        method = self.configuration["methods"].get(name)
        if not method:
            return 0
        account = pwd.getpwnam(method["user"] or "root")
        group = grp.getgrnam(method["group"]).gr_gid if method["group"] else account.pw_gid
        command = method["exec"].replace("%m", name).replace("%%", "%")
        environment = {
            "PATH": "/usr/sbin:/usr/bin",
            "SMF_FMRI": self.fmri,
            "SMF_METHOD": name,
            "SMF_ZONENAME": "global",
        }
        self.say(f'Executing {name} method ("{command}").')
        with repository.log_file(self.fmri).open("a") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                env={**environment, "SMF_RESTARTER": "svc:/system/svc/restarter:default", **method["env"]},
                cwd=method["cwd"] or account.pw_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=account.pw_uid,
                group=group,
                extra_groups=[],
            )
            try:
                code = process.wait(method["timeout"] or None)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
                self.say(f"Method or service exit timed out. Killing contract {os.getpid()}.")
        self.say(f'Method "{name}" exited with status {code}.')
        return code

    def kill(self) -> int:
        """Ends what is left; how many that were."""
        left = self.members()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while self.members():
            time.sleep(LOOK_SECONDS)
        return len(left)

    def start(self) -> bool:
        self.state("offline*")
        for _ in range(STARTS):
            code = self.run("start")
            if code == 0 and self.members():
                self.state("online")
                return True
            self.kill()
            if code in (FATAL, CONFIGURATION):
                break
        self.state("maintenance")
        return False

    def stop(self) -> None:
        self.state("online*")
        self.run("stop")
        left = self.kill()
        if left:
            self.say(f"The stop method left {left} processes; they were killed.")

    def restarts_too_quickly(self) -> bool:
        end = time.monotonic()
        self.restarts = [at for at in self.restarts if at > end - QUICK_SECONDS] + [end]
        return len(self.restarts) > QUICK_RESTARTS

    def serve(self) -> None:
        """Until it is disabled or in maintenance."""
        if not self.start():
            return
        while True:
            order = self.orders.pop(0) if self.orders else None
            if order == signal.SIGTERM:
                self.stop()
                self.state("disabled")
                return
            if order == signal.SIGHUP:
                self.stop()
                self.configuration = repository.configured(self.fmri)
                if not self.start():
                    return
            elif order == signal.SIGUSR1 and self.run("refresh") != 0:
                self.kill()
                self.state("maintenance")
                return
            elif not self.members():
                self.say("Stopping because all processes in service exited.")
                if self.restarts_too_quickly() or not self.start():
                    self.state("maintenance")
                    return
            time.sleep(LOOK_SECONDS)


def main(fmri: str) -> None:
    contract = Contract(fmri)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda order, _: contract.orders.append(order))
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    missing = [path for path in contract.configuration["paths"] if not Path(path).exists()]
    if missing:
        contract.say(f"Unsatisfied dependency: file://localhost{missing[0]}")
        contract.state("offline")
        return
    contract.serve()


if __name__ == "__main__":
    main(sys.argv[1])
