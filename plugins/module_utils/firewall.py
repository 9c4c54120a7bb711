# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports in firewalld and ufw: opened where they are closed, and closed again where it was we who opened them."""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod

from ansible_collections.modwsgi.toolkit.plugins.module_utils.policy_record import Entry, PolicyError, Run, key, merged

RULE = re.compile(
    r"^ufw (?P<action>allow|deny|reject|limit)(?: in)? (?P<port>\d+)/tcp(?: comment '.*')?$", re.MULTILINE
)
OPENED = re.compile(r"^(\d+)(?:-(\d+))?/tcp$")


class Firewall(ABC):
    name = ""
    command = ""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def is_installed(self) -> bool:
        return shutil.which(self.command) is not None

    def ask(self, *words: str) -> str:
        code, output, problem = self._run([self.command, *words])
        if code != 0:
            raise PolicyError(f"{self.command} {' '.join(words)}: {' '.join((problem or output).split())}")
        return output

    @abstractmethod
    def is_running(self) -> bool:
        """Whether it is in force."""

    @abstractmethod
    def places(self) -> list[Entry]:
        """Where a port is opened, each without the port."""

    @abstractmethod
    def is_open(self, entry: Entry) -> bool:
        """Whether the port is let in there."""

    def is_ours_alone(self, entry: Entry, ours: list[Entry]) -> bool:
        """Whether closing it closes nothing that others opened since."""
        return self.is_open(entry)

    @abstractmethod
    def open(self, entry: Entry) -> None:
        """Lets the port in."""

    @abstractmethod
    def close(self, entry: Entry) -> None:
        """Takes back what `open` did."""

    @abstractmethod
    def before_closing(self) -> None:
        """Raises an error when nothing can be closed now."""


class Firewalld(Firewall):
    """Its default zone, as it runs and as it will be after the next start."""

    name = "firewalld"
    command = "firewall-cmd"
    LAYERS: dict[str, list[str]] = {"permanent": ["--permanent"], "runtime": []}

    def is_running(self) -> bool:
        return self._run([self.command, "--state"])[0] == 0

    def places(self) -> list[Entry]:
        zone = self.ask("--get-default-zone").strip()
        return [{"firewall": self.name, "zone": zone, "layer": layer} for layer in self.LAYERS]

    def _options(self, entry: Entry) -> list[str]:
        return [*self.LAYERS[entry["layer"]], f"--zone={entry['zone']}"]

    def _ranges(self, entry: Entry) -> list[range]:
        found = [OPENED.match(word) for word in self.ask(*self._options(entry), "--list-ports").split()]
        return [range(int(each[1]), int(each[2] or each[1]) + 1) for each in found if each]

    def is_open(self, entry: Entry) -> bool:
        return any(entry["port"] in each for each in self._ranges(entry))

    def is_ours_alone(self, entry: Entry, ours: list[Entry]) -> bool:
        """firewalld makes one range of neighbours, and takes a port out of the middle of a range that another wrote."""
        known = {
            each["port"]
            for each in ours
            if {**each, "port": 0, "instances": []} == {**entry, "port": 0, "instances": []}
        }
        return any(entry["port"] in each and known.issuperset(each) for each in self._ranges(entry))

    def open(self, entry: Entry) -> None:
        self.ask(*self._options(entry), f"--add-port={entry['port']}/tcp")

    def close(self, entry: Entry) -> None:
        self.ask(*self._options(entry), f"--remove-port={entry['port']}/tcp")

    def before_closing(self) -> None:
        if not self.is_installed or not self.is_running():
            raise PolicyError(
                "firewalld does not run, and a port that was opened in it is to be closed. Start firewalld"
            )


class Ufw(Firewall):
    """Its rules are one list, which is in force as soon as ufw is active."""

    name = "ufw"
    command = "ufw"

    def is_running(self) -> bool:
        return "Status: active" in self.ask("status")

    def places(self) -> list[Entry]:
        return [{"firewall": self.name}]

    def _action(self, entry: Entry) -> str | None:
        rules = [found for found in RULE.finditer(self.ask("show", "added")) if int(found["port"]) == entry["port"]]
        return rules[0]["action"] if rules else None

    def is_open(self, entry: Entry) -> bool:
        action = self._action(entry)
        if action in ("deny", "reject"):  # a second rule for a port would take the place of this one
            raise PolicyError(
                f"ufw has the rule '{action} {entry['port']}/tcp', and this port is to be opened. Take the rule away "
                f"(ufw delete {action} {entry['port']}/tcp), or set mod_wsgi_manage_firewall to false"
            )
        return action is not None

    def is_ours_alone(self, entry: Entry, ours: list[Entry]) -> bool:
        return self._action(entry) == "allow"

    def open(self, entry: Entry) -> None:
        self.ask("allow", f"{entry['port']}/tcp", "comment", "mod_wsgi")

    def close(self, entry: Entry) -> None:
        self.ask("--force", "delete", "allow", f"{entry['port']}/tcp")

    def before_closing(self) -> None:
        if not self.is_installed:
            raise PolicyError("ufw is gone, and a port that was opened in it is to be closed. Install ufw")


KINDS: list[type[Firewall]] = [Firewalld, Ufw]


def told(entry: Entry) -> str:
    where = ", ".join(str(entry[name]) for name in ("zone", "layer") if name in entry)
    return f"port {entry['port']}/tcp in {entry['firewall']}" + (f" ({where})" if where else "")


class Plan:
    """What is to be opened and closed, and what the record says then."""

    def __init__(self, firewalls: dict[str, Firewall], recorded: list[Entry]) -> None:
        self.firewalls = firewalls
        self.recorded = recorded
        self.warning = ""
        self.kept = recorded
        self.opened: list[Entry] = []
        self.closed: list[Entry] = []

    def _of(self, entry: Entry) -> Firewall:
        return self.firewalls[entry["firewall"]]

    def want(self, wanted: list[Entry]) -> None:
        running = self._running(wanted) if wanted else []
        if wanted and not running:  # what was opened before stays for these ports, for when it runs again
            ports = {entry["port"] for entry in wanted}
            self.keep([entry for entry in self.recorded if entry["port"] in ports])
            return
        entries = merged(
            [{**place, **entry} for firewall in running for place in firewall.places() for entry in wanted]
        )
        closed = [entry for entry in entries if not self._of(entry).is_open(entry)]
        ours = {key(entry) for entry in [*self.recorded, *closed]}
        self.keep([entry for entry in entries if key(entry) in ours])
        self.opened = closed

    def keep(self, entries: list[Entry]) -> None:
        """These, and nothing else that was recorded."""
        self.kept = entries
        keys = {key(entry) for entry in entries}
        dropped = [entry for entry in self.recorded if key(entry) not in keys]
        for name in sorted({entry["firewall"] for entry in dropped}):
            self.firewalls[name].before_closing()
        self.closed = [entry for entry in dropped if self._of(entry).is_ours_alone(entry, self.recorded)]

    def _running(self, wanted: list[Entry]) -> list[Firewall]:
        installed = [firewall for firewall in self.firewalls.values() if firewall.is_installed]
        ports = ", ".join(str(port) for port in sorted({entry["port"] for entry in wanted}))
        if not installed:
            raise PolicyError(
                "mod_wsgi_manage_firewall is true, and neither firewalld nor ufw is installed. Install the one that "
                f"this system uses, or set it to false and open port {ports} in the firewall that there is"
            )
        running = [firewall for firewall in installed if firewall.is_running()]
        if not running:
            names = " or ".join(firewall.name for firewall in installed)
            self.warning = f"No firewall runs ({names} is installed), so port {ports} was not opened in it"
        return running

    @property
    def made(self) -> list[str]:
        return [f"open {told(entry)}" for entry in self.opened]

    @property
    def taken_back(self) -> list[str]:
        return [f"close {told(entry)}" for entry in self.closed]

    def make(self) -> None:
        for entry in self.opened:
            self._of(entry).open(entry)

    def take_back(self) -> None:
        for entry in self.closed:
            self._of(entry).close(entry)


def plan(recorded: list[Entry], run: Run) -> Plan:
    return Plan({kind.name: kind(run) for kind in KINDS}, recorded)
