# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's way into a running podman container: `podman exec`, nothing else to install."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = r"""
name: podman_exec
short_description: Runs tasks in an existing podman container
description:
  - Every command is one C(podman exec), modules are piped to the interpreter.
  - Files travel through standard input and output, so a tmpfs over their place does no harm.
author: The modwsgi.toolkit authors
version_added: 0.1.0
options:
  remote_addr:
    description: Name of the container.
    default: inventory_hostname
    type: str
    vars:
      - name: inventory_hostname
      - name: ansible_host
  remote_user:
    description: User to run as; the container's own when not given.
    type: str
    vars:
      - name: ansible_user
"""


class Connection(ConnectionBase):
    """One container."""

    transport = "podman_exec"
    has_pipelining = True

    def _connect(self) -> Connection:
        self._connected = True
        return self

    def close(self) -> None:
        self._connected = False

    def _podman(self, command: list[str], data: bytes | None = None) -> tuple[int, bytes, bytes]:
        user = self.get_option("remote_user")
        argv = ["podman", "exec", "--interactive", *(["--user", user] if user else []), self.get_option("remote_addr")]
        done = subprocess.run(argv + command, input=data or b"", capture_output=True, check=False)
        if done.returncode == 125:  # podman itself, not the command
            raise AnsibleConnectionFailure(f"podman exec: {done.stderr.decode(errors='replace').strip()}")
        return done.returncode, done.stdout, done.stderr

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._podman(["/bin/sh", "-c", cmd], in_data)

    def put_file(self, in_path: str, out_path: str) -> None:
        super().put_file(in_path, out_path)
        if not Path(in_path).is_file():
            raise AnsibleFileNotFound(f"no such file: {in_path}")
        code, _, error = self._podman(["/bin/sh", "-c", f"cat > {shlex.quote(out_path)}"], Path(in_path).read_bytes())
        if code:
            raise AnsibleConnectionFailure(f"cannot write {out_path}: {error.decode(errors='replace').strip()}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        super().fetch_file(in_path, out_path)
        code, content, error = self._podman(["cat", in_path])
        if code:
            raise AnsibleConnectionFailure(f"cannot read {in_path}: {error.decode(errors='replace').strip()}")
        Path(out_path).write_bytes(content)
