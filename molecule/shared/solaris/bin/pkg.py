#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""pkg(1) of the stand-in: a small catalogue. A package is a tar file of the image, or there from the beginning.

Exit code 4: there is nothing to do; 1: no such package.
"""

from __future__ import annotations

import getopt
import subprocess
import sys
from pathlib import Path

DEPOT = Path("/opt/standin/depot")
INSTALLED = Path("/var/pkg/installed")


def known() -> dict[str, Path]:
    return {path.stem.replace(",", "/"): path for path in DEPOT.iterdir()}


def complete(pattern: str) -> str:
    name = pattern.removeprefix("pkg:/").removeprefix("pkg://solaris/").partition("@")[0]
    found = [full for full in known() if full == name or full.endswith(f"/{name}")]
    if len(found) != 1:
        print(f"\npkg: The following pattern(s) did not match any allowable packages:\n\t{pattern}", file=sys.stderr)
        sys.exit(1)
    return found[0]


def mark(name: str) -> Path:
    return INSTALLED / name.replace("/", ",")


def install(names: list[str], only_try: bool) -> int:
    wanted = [name for name in map(complete, names) if not mark(name).exists()]
    if not wanted:
        return 4
    for name in () if only_try else wanted:
        archive = known()[name]
        if archive.stat().st_size:
            subprocess.run(["/bin/tar", "-C", "/", "-xf", archive], check=True)
        mark(name).touch()
    return 0


def main(words: list[str]) -> int:
    INSTALLED.mkdir(parents=True, exist_ok=True)
    command, rest = words[0] if words else "", words[1:]
    if command == "install":
        options, names = getopt.getopt(rest, "nqv", ["accept"])
        return install(names, ("-n", "") in options)
    if command == "list":
        _, names = getopt.getopt(rest, "Hv")
        missing = [name for name in map(complete, names) if not mark(name).exists()]
        return 1 if missing else 0
    print(f"pkg: not known to the stand-in: {' '.join(words)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
