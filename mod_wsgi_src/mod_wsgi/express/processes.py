# SPDX-License-Identifier: Apache-2.0
"""Whether a server runs and which processes are its daemons. Finds only descendants of its own parent process."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PS_CUT = (79, 80)  # the length of a command line that Solaris cut


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    title: str


def _from_proc() -> list[Process]:
    found = []
    for directory in Path("/proc").iterdir():
        if not directory.name.isdigit():
            continue
        try:
            # The name in stat is in parentheses and may contain anything; the fields after it do not.
            fields = (directory / "stat").read_text(errors="replace").rpartition(")")[2].split()
            title = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (OSError, IndexError):
            continue  # it ended meanwhile
        if fields[0] != "Z":
            found.append(Process(int(directory.name), int(fields[1]), title))
    return found


def _from_ps() -> list[Process]:
    done = subprocess.run(
        ["ps", "-e", "-o", "pid=", "-o", "ppid=", "-o", "args="],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    rows = (line.split(None, 2) for line in done.stdout.splitlines())
    return [Process(int(row[0]), int(row[1]), row[2] if len(row) > 2 else "") for row in rows if len(row) > 1]


def _has_proc() -> bool:
    return os.path.exists("/proc/self/stat")


def processes() -> list[Process]:
    return _from_proc() if _has_proc() else _from_ps()


def pids() -> set[int]:
    return {process.pid for process in processes()}


def children(parent: int) -> set[int]:
    return {process.pid for process in processes() if process.parent == parent}


def names(title: str, conf: str) -> bool:
    """Whether a command line names this configuration. The ps of Solaris shows 80 bytes of it at most."""
    if conf in title:
        return True
    return len(title) in PS_CUT and not _has_proc() and conf.startswith(title.partition(" -f ")[2])


def server_pid(pid_file: Path, conf: Path) -> int | None:
    """The pid of the running server, or None. A pid that was reused by something else does not count."""
    try:
        pid = int(pid_file.read_text().strip())
    except (OSError, ValueError):
        return None
    found = next((process for process in processes() if process.pid == pid), None)
    return pid if found and names(found.title, str(conf)) else None


def daemons(server: int, groups: list[str]) -> dict[str, list[int]]:
    """Pids of the daemons of each group below the server process `server`, by their titles (wsgi:<group>)."""
    everything = processes()
    family = {server}
    grew = True
    while grew:
        more = {process.pid for process in everything if process.parent in family} - family
        family |= more
        grew = bool(more)
    titles = {f"(wsgi:{group})": group for group in groups}
    found: dict[str, list[int]] = {group: [] for group in groups}
    for process in everything:
        if process.pid in family and process.title in titles:
            found[titles[process.title]].append(process.pid)
    return {group: sorted(pids) for group, pids in found.items()}
