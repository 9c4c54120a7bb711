# SPDX-License-Identifier: Apache-2.0
"""Tells a service manager (systemd, Type=notify with NotifyAccess=all) that the application is loaded. The script
apachectl starts it when there is somebody to tell."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

from . import roster

LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 600


def _send(text: str) -> None:
    address = os.environ["NOTIFY_SOCKET"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        channel.send(text.encode())


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def serves(directory: Path, server: int, group: str, address: tuple[str, int]) -> bool:
    """Without daemons (embedded mode, static files): httpd takes connections."""
    if group:
        groups = roster.read(directory, server)
        return group in groups and roster.is_ready({group: groups[group]})
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def _watch(directory: Path, server: int, group: str, address: tuple[str, int]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end and _lives(server):
        if serves(directory, server, group, address):
            _send(f"READY=1\nMAINPID={server}\nSTATUS=serving")
            return
        time.sleep(LOOK_SECONDS)


def main(arguments: list[str]) -> None:
    """Runs beside httpd: runtime directory, group, address, port, and the process that is to become httpd."""
    directory, group, host, port, server = arguments
    _watch(Path(directory), int(server), group, (host, int(port)))


if __name__ == "__main__":
    main(sys.argv[1:])
