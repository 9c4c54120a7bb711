# SPDX-License-Identifier: Apache-2.0
"""Users and groups, and what a user can reach: asked of the kernel by becoming that user in a child process."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    user: str
    group: str  # a name, or #gid when the group has none

    @property
    def uid(self) -> int:
        return pwd.getpwnam(self.user).pw_uid

    @property
    def gid(self) -> int:
        return int(self.group[1:]) if self.group.startswith("#") else grp.getgrnam(self.group).gr_gid


def account(user: str, group: str | None) -> Account:
    """Group None is the user's own."""
    if group is None:
        gid = pwd.getpwnam(user).pw_gid
        try:
            group = grp.getgrgid(gid).gr_name
        except KeyError:
            group = f"#{gid}"
    return Account(user, group)


def current_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"#{os.geteuid()}"


def first_obstacle(who: Account, path: Path) -> Path | None:
    """What keeps `who` from reading `path`: a directory on the way, the path itself, or None when nothing does.

    Only the superuser can ask. Permission bits alone would not know about access control lists, so a child process
    becomes that user and tries.
    """
    way = [*reversed(path.parents), path]
    child = os.fork()
    if child == 0:
        code = 255
        try:
            os.initgroups(who.user, who.gid)
            os.setgid(who.gid)
            os.setuid(who.uid)
            closed = [not os.access(part, os.X_OK) for part in way[:-1]]
            closed.append(not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)))
            code = closed.index(True) if True in closed else len(way)
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return None if code == len(way) else way[min(code, len(way) - 1)]
