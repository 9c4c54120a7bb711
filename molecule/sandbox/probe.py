# SPDX-License-Identifier: Apache-2.0
"""Tries what nothing but the sandbox forbids its user, and prints what came of each."""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Callable

CLONE_NEWUSER = 0x10000000
PER_LINUX32 = 0x0008
LIBC = ctypes.CDLL(None, use_errno=True)


def call(result: int) -> None:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def tried(action: Callable[[], object]) -> str:
    try:
        action()
    except OSError as error:
        return str(error.strerror)
    return "done"


def unshared() -> None:
    """In a child: it would be another name space for the rest of us."""
    code = f"import ctypes; raise SystemExit(ctypes.CDLL(None).unshare({CLONE_NEWUSER}) != 0)"
    if subprocess.run(["/usr/bin/python3", "-c", code], check=False).returncode:
        raise PermissionError(1, "Operation not permitted")


def status() -> dict[str, str]:
    text = Path("/proc/self/status").read_text()
    return dict(re.findall(r"^(CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):\s*(\S+)", text, re.MULTILINE))


print(
    json.dumps(
        {
            "write outside": tried(lambda: Path("/srv/open/refused").write_text("")),
            "write /tmp": tried(lambda: Path("/tmp/private").write_text("")),
            "scheduling": tried(lambda: os.sched_setaffinity(0, os.sched_getaffinity(0))),
            "priority": tried(lambda: os.nice(1)),
            "personality": tried(lambda: call(LIBC.personality(PER_LINUX32))),
            "name space": tried(unshared),
            "netlink": tried(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()),
            "inet": tried(lambda: socket.socket(socket.AF_INET).close()),
            "processes": sorted(name for name in os.listdir("/proc") if name == "1"),
            "status": status(),
        }
    )
)
