# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running server of one instance: is it there, start it, stop it, signal it. Here it runs by itself
in the background; the service managers have classes of their own on top of this one."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import tempfile
import time

START_SECONDS = 30  # httpd binds its port before it goes to the background, so this is plenty
FREE_SECONDS = 30  # a child of prefork lets go of the port when it has answered its request
STOP_SECONDS = 60  # requests in flight may take the graceful and the shutdown timeout
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class ServerError(Exception):
    """The server did not do what it was told; the text says what was found."""


def clean_environment() -> dict[str, str]:
    """What a service manager would give: nothing of the caller's session reaches the application."""
    account = pwd.getpwuid(os.geteuid())
    return {"PATH": PATH, "HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}


def command_of(pid: int) -> str:
    """The command line of a live process; empty when there is none. A zombie is none."""
    return _from_proc(pid) if os.path.exists("/proc/self/stat") else _from_ps(pid)


def _from_proc(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            state = file.read().rpartition(")")[2].split()[0]
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except (OSError, IndexError):
        return ""
    return "" if state in "ZX" else command


def _from_ps(pid: int) -> str:
    # COLUMNS: ps cuts a line to the width of a terminal, even where there is none. A zombie has lost its arguments; the
    # column that would say so has no name that all systems know.
    done = subprocess.run(
        ["ps", "-o", "args=", "-p", str(pid)],
        capture_output=True,
        text=True,
        errors="replace",
        env={"PATH": PATH, "COLUMNS": "4096"},
        check=False,
    )
    command = done.stdout.strip()
    return "" if "<defunct>" in command else command


def names(command: str, conf: str) -> bool:
    """Whether a command line names this configuration. The ps of Solaris shows 80 bytes of it at most."""
    if conf in command:
        return True
    cut = len(command) in (79, 80) and not os.path.exists("/proc/self/stat")
    return cut and conf.startswith(command.partition(" -f ")[2])


def port_error(host: str | None, port: int) -> str | None:
    """Why nobody can listen there now; None when it is free."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        return f"host '{host}' cannot be resolved ({error.strerror}). Give an address of this machine"
    for family, kind, protocol, _name, address in found:
        try:
            probe = socket.socket(family, kind, protocol)
        except OSError:
            continue  # no IPv6 on this machine
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)  # and no more: a socket that listens would take a connection meant for the server
            except OSError as error:
                if host is None and family == socket.AF_INET6:
                    continue
                return f"port {port} on {address[0]} cannot be used ({os.strerror(error.errno or 0)})"
    return None


def wait_until_free(host: str | None, port: int) -> None:
    """After a server was told to read its configuration again, with another port in it. What still has the port when
    time is up is told to whoever wants it next."""
    until = time.monotonic() + FREE_SECONDS
    while port_error(host, port) and time.monotonic() < until:
        time.sleep(0.1)


class Server:
    """One server, known by its server root. The pid counts only while its command line names our configuration."""

    def __init__(self, server_root: str, service: str = "") -> None:
        self.root = server_root
        self.service = service  # its name for the service manager
        self.conf = os.path.join(server_root, "httpd.conf")
        self.apachectl = os.path.join(server_root, "apachectl")
        self.pid_file = os.path.join(server_root, "httpd.pid")

    def pid(self) -> int | None:
        try:
            with open(self.pid_file) as file:
                pid = int(file.read())
        except (OSError, ValueError):
            return None
        return pid if names(command_of(pid), self.conf) else None

    def start(self) -> None:
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            # A file and not a pipe: a process that stays in the background would keep a pipe open.
            done = subprocess.run(
                ["/bin/sh", self.apachectl, "start"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean_environment(),
                cwd="/",
                check=False,
            )
            output.seek(0)
            said = " ".join(output.read().split())
        if done.returncode != 0:
            raise ServerError(f"{self.apachectl} start: exit code {done.returncode}. {said}")
        self.wait_for_start(said)

    def wait_for_start(self, said: str = "") -> None:
        until = time.monotonic() + START_SECONDS
        while self.pid() is None:
            if time.monotonic() > until:
                raise ServerError(f"no process {START_SECONDS} s after the start. {said}".strip())
            time.sleep(0.1)

    def stop(self) -> None:
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        while command_of(pid):
            if time.monotonic() > until:
                raise ServerError(f"process {pid} still runs {STOP_SECONDS} s after SIGTERM")
            time.sleep(0.1)

    def restart(self) -> None:
        self.stop()
        self.start()

    def graceful(self) -> None:
        pid = self.pid()
        if pid is None:
            raise ServerError("it ended before it could be told to reload")
        os.kill(pid, signal.SIGUSR1)

    def reload(self, python: str) -> None:
        """New processes load the application and take over; when it does not load, the old ones serve on."""
        done = subprocess.run(
            [python, "-m", "mod_wsgi.express", "reload", "--server-root", self.root],
            capture_output=True,
            text=True,
            errors="replace",
            env=clean_environment(),
            cwd="/",
            check=False,
        )
        if done.returncode != 0:
            raise ServerError(" ".join((done.stderr or done.stdout).split()))

    def signal(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, number)

    # -- for a service manager

    def is_enabled(self) -> bool | None:
        """Whether it starts with the machine; None when nothing here could start it then."""
        return None

    def enable(self, wanted: bool) -> None:
        """Have it start with the machine, or not."""

    def define(self) -> None:
        """Tell the service manager that the file of the service was written or removed."""
