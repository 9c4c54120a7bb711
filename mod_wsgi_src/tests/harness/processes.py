# SPDX-License-Identifier: Apache-2.0
"""What processes a server has, from /proc. They carry a mark in their environment or have its directory open."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    session: int
    state: str
    title: str


def _read(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[3]), fields[0], title)


def _uses(pid: int, directory: Path, mark: str) -> bool:
    try:
        if mark.encode() in Path(f"/proc/{pid}/environ").read_bytes():
            return True
        links = [f"/proc/{pid}/cwd", *(f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd"))]
    except OSError:
        return False
    for link in links:
        try:
            if os.readlink(link).startswith(f"{directory}/"):
                return True
        except OSError:
            continue
    return False


def of_server(directory: Path, mark: str) -> list[Process]:
    """Living processes (no zombies) of a server, without this one."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid() and _uses(int(name), directory, mark):
            process = _read(int(name))
            if process and process.state != "Z":
                found.append(process)
    return found


def alive(pid: int) -> bool:
    process = _read(pid)
    return process is not None and process.state != "Z"


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for that signal."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)


def tcp_states(port: int) -> list[str]:
    """States of the sockets that a server holds on that local port, as the kernel numbers them ("0A" listens)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return [line.split()[3] for line in lines if line.split()[1].endswith(f":{port:04X}")]


def sleeping_threads(pids: Iterable[int]) -> int:
    """Threads that sleep by the clock: in time.sleep() of an application."""
    count = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            count += "nanosleep" in Path(f"/proc/{pid}/task/{task}/wchan").read_text()
    return count
