# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Platform keys: names of the directories of a wheelhouse. Machines with the same key can use the same wheel.

A key reads as `debian-12-x86_64-glibc-2.36-cp311-bundled-2.4.69.1-k0123456789`. What is before the last dash and `k` is
for people and tells families apart; the digits are a hash over everything that decides whether a wheel fits.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
# Binaries of these fit every minor release of a major one.
MAJOR_ONLY = ("rhel", "fedora", "centos", "almalinux", "rocky", "ol", "amzn")


def os_release() -> dict[str, str]:
    """The fields of os-release; empty where there is none."""
    for path in OS_RELEASE:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        pairs = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
        return {name.strip(): " ".join(shlex.split(value)) for name, sign, value in pairs if sign}
    return {}


def system(fields: dict[str, str]) -> str:
    """Name and release of the operating system, as much of the release as binaries depend on."""
    if fields.get("ID"):
        release = fields.get("VERSION_ID") or fields.get("VERSION_CODENAME") or "rolling"
        names = {fields["ID"], *fields.get("ID_LIKE", "").split()}
        numbers = 1 if names & set(MAJOR_ONLY) else 2
        return f"{fields['ID']}-{'.'.join(release.split('.')[:numbers])}"
    name = platform.system()
    # Oracle's uname -r is 5.11 for ever, and -v is 11.4.x.y.
    release = platform.version() if name == "SunOS" else platform.release()
    return f"{'solaris' if name == 'SunOS' else name}-{'.'.join(re.split('[.-]', release)[:2])}"


def readable(*words: str) -> str:
    """The words as a part of a file name that no shell and no pattern takes for something else."""
    return re.sub(r"[^a-z0-9._-]+", "_", "-".join(word for word in words if word).lower().replace(" ", "-"))


def key(family: str, release: str, decides: dict[str, object]) -> str:
    """The whole key. `decides` is whatever must be equal besides what is readable."""
    name = readable(family, release)
    digits = hashlib.sha256(json.dumps([name, decides], sort_keys=True).encode()).hexdigest()[:10]
    return f"{name}-k{digits}"
