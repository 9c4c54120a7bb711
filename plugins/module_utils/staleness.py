# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an instance and the machine have gone apart since its server was set up, in sentences with the fix."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.module_utils.instance_files import read
from ansible_collections.modwsgi.toolkit.plugins.module_utils.releases import Releases

SITE = "Run the site playbook"
RESTART = "Restart it: the playbooks stop and site"
ASK_SECONDS = 20
# What of the maps of a process is a program or a library; other memory has names, too, that lead to no file.
DELETED = re.compile(r" (/\S*(?:/bin/|/sbin/|\.so)\S*) \(deleted\)$", re.MULTILINE)


def _answer(*command: str) -> str:
    """What a program says, whatever its exit code; empty when it cannot be run."""
    try:
        done = subprocess.run(
            command,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _magic(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(":")))


def _of_python(home: str, recorded: str) -> list[str]:
    found = _answer(os.path.join(home, "bin", "python"), "-c", "import platform; print(platform.python_version())")
    now = found.strip()
    if not now:
        return [f"its Python in {home} does not run any more. {SITE}, which makes the environment anew"]
    if now.split(".")[:2] != recorded.split(".")[:2]:
        return [f"the module was built for Python {recorded}, and {home} has {now}. {SITE}, which builds one for it"]
    return [f"Python {recorded} became {now} after it was started. {SITE}"] if now != recorded else []


def _of_httpd(recorded: dict[str, str], facts: dict[str, Any]) -> list[str]:
    program, before = recorded["executable"], recorded["version"]
    said = _answer(program, "-V", "-f", os.devnull)
    version = re.search(r"^Server version: \S*?/([0-9.]+)", said, re.MULTILINE)
    magic = re.search(r"^Server's Module Magic Number: (\d+:\d+)", said, re.MULTILINE)
    if not version or not magic:
        return [f"{program}, which it was set up with, is not there or does not run. {SITE}"]
    built = tuple(facts.get("httpd", {}).get("mmn") or ())
    there = _magic(magic[1])
    if built and (there[0] != built[0] or there[1] < built[1]):
        wanted = ":".join(map(str, built))
        return [
            f"the module was built for the magic number {wanted} of httpd, and {program} ({version[1]}) has "
            f"{magic[1]}: it would not start. {SITE}, which builds one for it"
        ]
    return [f"httpd {before} became {version[1]} after it was set up. {SITE}"] if version[1] != before else []


def _of_module(recorded: dict[str, str]) -> list[str]:
    content = read(recorded["path"])
    if content is None:
        return [f"its module {recorded['path']} is not there any more. {SITE}"]
    if hashlib.sha256(content).hexdigest() != recorded["sha256"]:
        return [f"another build of the module is in its environment than the one it was set up with. {SITE}"]
    return []


def _of_release(root: str, recorded: str) -> list[str]:
    releases = Releases(root)
    current = releases.current()
    if not recorded or not current:
        return []
    there = f"{current} {os.path.basename(releases.venv(current) or '')}".strip()
    if there == recorded:
        return []
    if current == recorded.partition(" ")[0]:
        return [f"release {current} has another environment than the one it runs in. {SITE}"]
    return [f"it runs release {recorded.partition(' ')[0]}, and {current} is the current one. {SITE}"]


def upgraded(pid: int, home: str) -> list[str]:
    """Upgrades of packages replace files whose version stays the same. Linux tells. What lies below `home` went with
    an environment that a newer one has replaced, and is compared by its content."""
    maps = (read(f"/proc/{pid}/maps") or b"").decode(errors="replace")
    gone = sorted({path for path in DELETED.findall(maps) if not path.startswith(home + os.sep)})
    return [f"it runs with {', '.join(gone)} from before an upgrade. {RESTART}"] if gone else []


def sentences(home: str, name: str, made: dict[str, Any], release: str, pid: int) -> list[str]:
    """`made` is what mod_wsgi-express noted of the server, `release` what was loaded into it."""
    module = made["module"]
    facts = json.loads(read(os.path.join(os.path.dirname(module["path"]), "build.json")) or b"{}")
    found = _of_python(made["python"]["home"], made["python"]["version"])
    found += _of_httpd(made["httpd"], facts)
    found += _of_module(module) + _of_release(os.path.join(home, "apps", name), release)
    return found + (upgraded(pid, home) if pid else [])
