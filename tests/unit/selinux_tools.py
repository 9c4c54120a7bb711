# SPDX-License-Identifier: Apache-2.0
"""getenforce, semanage and restorecon that keep what they are told in a file; which one is called, their name says.

semanage refuses what the real one of RHEL 8 refuses: to add what is there, to change or take away what is not."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

HERE = Path(sys.argv[0]).parent.parent
STATE = HERE / "selinux.json"
POLICY = {"http_port_t": [80, 443], "http_cache_port_t": [8080], "soundd_port_t": [8000]}


def listed(what: str, state: dict, is_local: bool) -> str:
    if what == "fcontext":
        rules = [f"{path:50} all files          system_u:object_r:{name}:s0 " for path, name in state["contexts"]]
        return "\n".join([*rules, "/dev/null  character device  system_u:object_r:null_device_t:s0"])
    types: dict[str, list[int]] = {} if is_local else {name: list(ports) for name, ports in POLICY.items()}
    for port, name in state["ports"].items():
        types.setdefault(name, []).insert(0, int(port))
    more = [] if is_local else ["http_cache_port_t              udp      3130", "unreserved_port_t  tcp  1024-65535"]
    return "\n".join([f"{name:30} tcp      {', '.join(map(str, ports))}" for name, ports in types.items()] + more)


def changed(state: dict, words: list[str]) -> None:
    what, action, name = words[0], words[1], words[-1]
    if what == "fcontext":
        there = [rule for rule in state["contexts"] if rule[0] == name]
        if bool(there) == (action == "-a"):
            sys.exit(f"ValueError: File context for {name} is {'already' if there else 'not'} defined")
        state["contexts"] = [rule for rule in state["contexts"] if rule not in there]
        state["contexts"] += [[name, words[3]]] if action == "-a" else []
        return
    in_policy = any(int(name) in ports for ports in POLICY.values())
    if action == "-a" and (in_policy or name in state["ports"]):
        sys.exit(f"ValueError: Port tcp/{name} already defined")
    if (action == "-m" and not in_policy) or (action == "-d" and name not in state["ports"]):
        sys.exit(f"ValueError: Port tcp/{name} is not defined")
    state["ports"].pop(name, None)
    if action != "-d":
        state["ports"][name] = words[3]


def semanage(state: dict, words: list[str]) -> str:
    if words != ["import"]:
        return listed(words[0], state, "-C" in words)
    for line in sys.stdin.read().splitlines():
        changed(state, shlex.split(line))
    return ""


def restorecon(state: dict, words: list[str]) -> str:
    said = []
    for top in (word for word in words if not word.startswith("-")):
        for path in [top, *(str(path) for path in sorted(Path(top).rglob("*")))]:
            fitting = [name for rule, name in state["contexts"] if re.fullmatch(rule, path)]
            wanted = fitting[-1] if fitting else "default_t"
            if state["types"].get(path, "default_t") != wanted:
                said.append(f"Would relabel {path} to {wanted}")
                state["types"][path] = wanted if "-n" not in words else state["types"].get(path, "default_t")
    return "\n".join(said)


def main() -> None:
    if os.environ.get("LC_ALL") != "C":
        sys.exit("in a language that nobody reads")
    state = json.loads(STATE.read_text())
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    tools = {"semanage": semanage, "restorecon": restorecon, "getenforce": lambda known, _: known["mode"]}
    answer = tools[name](state, words)
    STATE.write_text(json.dumps(state))
    print(answer)


if __name__ == "__main__":
    main()
