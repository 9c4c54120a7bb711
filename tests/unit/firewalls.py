# SPDX-License-Identifier: Apache-2.0
"""firewall-cmd and ufw that keep what they are told in a file; which one is called, their name says."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STATE = Path(sys.argv[0]).parent.parent / f"{Path(sys.argv[0]).name}.json"


def ranges(ports: list[int]) -> str:
    """As firewalld lists them: neighbours are one range."""
    found: list[list[int]] = []
    for port in sorted(ports):
        if found and found[-1][1] == port - 1:
            found[-1][1] = port
        else:
            found.append([port, port])
    return " ".join(f"{low}/tcp" if low == high else f"{low}-{high}/tcp" for low, high in found)


def firewall_cmd(state: dict, words: list[str]) -> str:
    if not state["running"]:
        sys.exit("FirewallD is not running") if words != ["--state"] else sys.exit(252)
    if words == ["--state"]:
        return "running"
    if words == ["--get-default-zone"]:
        return state["zone"]
    layer = "permanent" if words[0] == "--permanent" else "runtime"
    zone, what = words[-2].partition("=")[2], words[-1]
    ports = state[layer].setdefault(zone, [])
    if what == "--list-ports":
        return ranges(ports)
    port = int(what.partition("=")[2].partition("/")[0])
    if what.startswith("--add-port="):
        if port in ports:
            return "Warning: ALREADY_ENABLED"
        ports.append(port)
    elif port in ports:
        ports.remove(port)
    return "success"


def ufw(state: dict, words: list[str]) -> str:
    rules: dict[str, str] = state["rules"]  # by port; a rule for a port takes the place of the one that it has
    if words == ["status"]:
        return f"Status: {'active' if state['running'] else 'inactive'}"
    if words == ["show", "added"]:
        return "\n".join(["Added user rules:", *(f"ufw {rule}" for rule in rules.values())])
    if words[0] == "allow":
        rules[words[1]] = f"allow {words[1]} comment '{words[3]}'"
        return "Rule added"
    if words[:3] != ["--force", "delete", "allow"]:
        sys.exit(f"ERROR: Invalid syntax: {words}")
    return "Rule deleted" if rules.pop(words[3], None) else "Could not delete non-existent rule"


def main() -> None:
    if os.environ.get("LC_ALL") != "C":
        sys.exit("in a language that nobody reads")
    state = json.loads(STATE.read_text())
    answer = {"firewall-cmd": firewall_cmd, "ufw": ufw}[Path(sys.argv[0]).name](state, sys.argv[1:])
    state["calls"] = [*state.get("calls", []), " ".join(sys.argv[1:])]
    STATE.write_text(json.dumps(state))
    print(answer)


if __name__ == "__main__":
    main()
