# SPDX-License-Identifier: Apache-2.0
"""Finds a secret wherever it has got to, and files, sockets and ports that are open to others than they should be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from testinfra.host import Host

ACCOUNT = "mod_wsgi"
STRANGER = "nobody"
PLACES = "/etc /opt /root /run /srv /tmp /usr/local /var /dev/shm"
CODE = "/opt/mod_wsgi /etc/systemd/system"
KEPT = "/var/lib/mod_wsgi /var/log/mod_wsgi"
OURS = f"/opt/mod_wsgi {KEPT} /run/mod_wsgi /etc/systemd/system/mod_wsgi-*"
SHARED = "/tmp /var/tmp /dev/shm"
CONNECT = (
    f"runuser -u {STRANGER} -- python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])'"
)


def traces(host: Host, secret: str) -> list[str]:
    """Every place that has it, as a path or a word."""
    pattern = f"{secret[:-1]}[{secret[-1]}]"  # whoever searches for it does not find himself
    found = host.run(f"grep --recursive --files-with-matches --devices=skip '{pattern}' {PLACES}").stdout.split()
    found += host.run(f"grep --files-with-matches '{pattern}' /proc/[0-9]*/cmdline").stdout.split()
    # What others could ask the kernel for: the environment of a process.
    found += host.run(f"runuser -u {STRANGER} -- grep -ls '{pattern}' /proc/[0-9]*/environ").stdout.split()
    for name, command in {"journal": "journalctl --no-pager --output=export", "systemd": "systemctl show '*'"}.items():
        found += [name] if host.run(f"{command} | grep --text --quiet '{pattern}'").rc == 0 else []
    return sorted(found)


def faults(host: Host, ports: set[int]) -> set[str]:
    """Each file, socket or port that is not as it should be, with what is wrong about it."""
    return {f"{what}: {name}" for what, names in _faults(host, ports) for name in names}


def _faults(host: Host, ports: set[int]) -> Iterator[tuple[str, list[str]]]:
    def found(where: str, *tests: str) -> list[str]:
        return host.check_output(f"find {where} -xdev {' '.join(tests)} 2>/dev/null || true").splitlines()

    yield "for everybody to write", found(OURS, "-perm /o+w ! -type l ! -type s")
    yield "not root's", found(CODE, "! -user root ! -type s")
    yield "for others to read", found(KEPT, "-mindepth 1 -perm /o+rwx ! -type l")
    yield "runs as another", found(OURS, "-type f -perm /u+s,g+s")
    private = "-path '*/systemd-private-*' -prune -o"  # these are root's alone
    yield (
        "in a shared directory",
        found(SHARED, private, f"-mindepth 1 '(' -user {ACCOUNT} -o -name '*wsgi*' ')' -print"),
    )
    listed = {line.split()[4] for line in host.check_output("ss -Hxl").splitlines()}
    sockets = sorted(path for path in listed if re.match("/(run|opt)/mod_wsgi", path))
    yield "a socket for strangers", [path for path in sockets if host.run(f"{CONNECT} {path}").rc == 0]
    users = ("", f"uid:{host.user(ACCOUNT).uid}")  # none is root
    for line in host.check_output("ss -Hltne").splitlines():
        port = line.split()[3].rpartition(":")[2]
        if int(port) not in ports and "".join(re.findall(r"uid:\d+", line)) in users:
            yield "listens", [port]
    yield "shared memory", host.run(f"ipcs -m -s -q | grep -w {ACCOUNT}").stdout.splitlines()
