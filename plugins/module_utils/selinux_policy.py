# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of files and labels of ports in the local part of SELinux's policy, by semanage and restorecon."""

from __future__ import annotations

import os
import re
import shutil

from ansible_collections.modwsgi.toolkit.plugins.module_utils.policy_record import Entry, PolicyError, Run, key, merged

PORT_TYPE = "http_port_t"
BINDABLE = (PORT_TYPE, "http_cache_port_t")  # what the policy lets httpd listen on
# As semanage lists them: a rule for files of every kind, and the numbers of a type.
CONTEXT = re.compile(r"^(?P<path>\S.*?)\s+all files\s+\w+:\w+:(?P<type>\w+)", re.MULTILINE)
PORTS = re.compile(r"^(?P<type>\w+)\s+tcp\s+(?P<ports>[\d, -]+)$", re.MULTILINE)
MISSING = (
    "SELinux is enabled here, and semanage is not installed. Install policycoreutils-python-utils (RHEL 8 and later, "
    "its rebuilds, Fedora, Debian; elsewhere the package that has semanage), or set mod_wsgi_manage_selinux to false"
)


def is_enabled(run: Run) -> bool:
    if shutil.which("getenforce") is None:
        return False
    code, output, _problem = run(["getenforce"])
    return code == 0 and output.strip() in ("Enforcing", "Permissive")


def restore(run: Run, directories: list[str], *options: str) -> str:
    """Gives files the types that the policy has for them; tells which it changed, or with -n would change."""
    there = [path for path in directories if os.path.lexists(path)]
    if not there or not is_enabled(run):
        return ""
    if shutil.which("restorecon") is None:
        raise PolicyError("SELinux is enabled here, and restorecon is not installed. Install policycoreutils")
    code, output, problem = run(["restorecon", "-R", "-v", *options, *there])
    if code != 0:
        raise PolicyError(f"restorecon {' '.join(there)}: {' '.join((problem or output).split())}")
    return output.strip()


def _is_port(entry: Entry) -> bool:
    return "port" in entry


def _told(entry: Entry) -> str:
    return f"type {entry['type']} of " + (f"port {entry['port']}/tcp" if _is_port(entry) else f"files {entry['path']}")


class Semanage:
    """What the policy says now."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.contexts = {found["path"]: found["type"] for found in CONTEXT.finditer(self._list("fcontext", "-C"))}
        self.local_ports = self._ports("-C")
        self.ports = self._ports()

    def _ask(self, words: list[str], data: str | None = None) -> str:
        if shutil.which("semanage") is None:
            raise PolicyError(MISSING)
        code, output, problem = self._run(["semanage", *words], data=data) if data else self._run(["semanage", *words])
        if code != 0:
            raise PolicyError(f"semanage {' '.join(words)}: {' '.join((problem or output).split())}")
        return output

    def _list(self, what: str, *options: str) -> str:
        return self._ask([what, "-l", "-n", *options])

    def _ports(self, *options: str) -> dict[str, list[range]]:
        found: dict[str, list[range]] = {}
        for line in PORTS.finditer(self._list("port", *options)):
            for low, _dash, high in (text.strip().partition("-") for text in line["ports"].split(",")):
                found.setdefault(line["type"], []).append(range(int(low), int(high or low) + 1))
        return found

    def _local_type(self, port: int) -> str | None:
        return next((name for name, known in self.local_ports.items() if range(port, port + 1) in known), None)

    def has(self, entry: Entry) -> bool:
        if not _is_port(entry):
            return self.contexts.get(entry["path"]) == entry["type"]
        return any(entry["port"] in each for name in BINDABLE for each in self.ports.get(name, []))

    def is_local(self, entry: Entry) -> bool:
        """Whether it is there as a rule of its own, which can be taken away."""
        return self._local_type(entry["port"]) == entry["type"] if _is_port(entry) else self.has(entry)

    def refuse(self, entry: Entry) -> None:
        """A rule of somebody else is not replaced."""
        found = self._local_type(entry["port"]) if _is_port(entry) else self.contexts.get(entry["path"])
        if found is not None and found != entry["type"]:
            what = f"port -d -p tcp {entry['port']}" if _is_port(entry) else f"fcontext -d '{entry['path']}'"
            raise PolicyError(
                f"SELinux has a local rule for {_told({**entry, 'type': found})}, and {entry['type']} is wanted. "
                f"Take it away (semanage {what}), or set mod_wsgi_manage_selinux to false"
            )

    def change(self, removed: list[Entry], added: list[Entry]) -> None:
        """All or nothing."""
        lines = [self._line("-d", entry) for entry in removed] + [self._line("-a", entry) for entry in added]
        if lines:
            self._ask(["import"], "\n".join(lines))  # which gets its last line end from Ansible

    def _line(self, action: str, entry: Entry) -> str:
        given = "" if action == "-d" else f" -t {entry['type']}"
        if not _is_port(entry):
            return f"fcontext {action}{given} '{entry['path']}'"
        port = range(entry["port"], entry["port"] + 1)
        if action == "-a" and any(port in known for known in self.ports.values()):
            action = "-m"  # the policy itself has the port under another type
        return f"port {action}{given} -p tcp {entry['port']}"


class Plan:
    """What is to be made and taken back, and what the record says then; with the methods of that of the firewall."""

    def __init__(self, recorded: list[Entry], run: Run) -> None:
        self.run = run
        self.recorded = recorded
        self.warning = ""
        self.kept = recorded
        self.added: list[Entry] = []
        self.again: list[Entry] = []
        self.removed: list[Entry] = []
        self.directories: list[str] = []
        self.semanage: Semanage | None = None
        self.unlabelled = ""

    def want(self, wanted: list[Entry]) -> None:
        """In this order: where two rules fit a file, the later one counts."""
        if wanted and not is_enabled(self.run):
            self.warning = "SELinux is not enabled here, so no type was given to anything"
            return
        if not wanted and not self.recorded:
            return
        self.semanage = semanage = Semanage(self.run)
        recorded = {key(entry) for entry in self.recorded}
        paths = {entry["path"] for entry in self.recorded if not _is_port(entry)}
        for entry in wanted:
            if _is_port(entry) or entry["path"] not in paths:
                semanage.refuse(entry)
        self.added = [entry for entry in wanted if not semanage.has(entry)]
        ours = {key(entry) for entry in [*self.recorded, *self.added]}
        self._keep([entry for entry in wanted if key(entry) in ours])
        if self.added:
            later = wanted[wanted.index(self.added[0]) :]
            self.again = [
                entry for entry in later if not _is_port(entry) and key(entry) in recorded and semanage.has(entry)
            ]
            self.added = [entry for entry in later if entry in self.added or entry in self.again]
        self.directories = sorted({entry["directory"] for entry in wanted if not _is_port(entry)})
        self.unlabelled = restore(self.run, self.directories, "-n")

    def keep(self, entries: list[Entry]) -> None:
        if entries != self.recorded:
            self.semanage = Semanage(self.run)
            self._keep(entries)

    def _keep(self, entries: list[Entry]) -> None:
        self.kept = merged(entries)
        keys = {key(entry) for entry in entries}
        dropped = [entry for entry in self.recorded if key(entry) not in keys]
        self.removed = [entry for entry in dropped if self.semanage and self.semanage.is_local(entry)]

    @property
    def made(self) -> list[str]:
        new = [f"give {_told(entry)}" for entry in self.added if entry not in self.again]
        return new + ([f"label files in {' '.join(self.directories)}"] if self.unlabelled or self.added else [])

    @property
    def taken_back(self) -> list[str]:
        return [f"take back {_told(entry)}" for entry in self.removed]

    def make(self) -> None:
        """What is taken back and what is added are one transaction, since a rule may take the place of another."""
        if self.semanage:
            self.semanage.change([*self.removed, *self.again], self.added)
        restore(self.run, self.directories)

    def take_back(self) -> None:
        left = {entry["directory"] for entry in self.removed if not _is_port(entry)} - set(self.directories)
        restore(self.run, sorted(left), "-F")  # some types stay otherwise
