#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""svccfg, svcadm, svcs and svcprop of the stand-in, as far as they are used here. What they do not know they refuse."""

from __future__ import annotations

import getopt
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NoReturn

import repository

DOCUMENT_TYPE = "/usr/share/lib/xml/dtd/service_bundle.dtd.1"
STANDARD = ("/lib/svc/manifest", "/usr/lib/svc/manifest", "/var/svc/manifest")
LOOK_SECONDS = 0.05


def refuse(text: str, code: int = 1) -> NoReturn:
    print(f"{os.path.basename(sys.argv[0])}: {text}", file=sys.stderr)
    sys.exit(code)


def find(name: str) -> str:
    found = [fmri for fmri in repository.instances() if name in (fmri, fmri.removeprefix("svc:/"))]
    return found[0] if found else refuse(f"Pattern '{name}' doesn't match any instances")


# -- svccfg


def _method(element: ElementTree.Element, inherited: ElementTree.Element | None) -> dict[str, object]:
    context = element.find("method_context")
    context = inherited if context is None else context
    credential = context.find("method_credential") if context is not None else None
    return {
        "exec": element.get("exec"),
        "timeout": int(element.get("timeout_seconds", "0")),
        "cwd": context.get("working_directory") if context is not None else "/",
        "user": credential.get("user") if credential is not None else None,
        "group": credential.get("group") if credential is not None else None,
        "env": {each.get("name"): each.get("value") for each in context.iter("envvar")} if context is not None else {},
    }


def parse(path: str) -> dict[str, dict[str, object]]:
    """What each instance of a manifest is made of, by FMRI."""
    done = subprocess.run(["xmllint", "--noout", "--dtdvalid", DOCUMENT_TYPE, path], capture_output=True, text=True)
    if done.returncode != 0:
        refuse(f"couldn't import {path}: {done.stderr.strip()}")
    found = {}
    for service in ElementTree.parse(path).getroot().iter("service"):
        for instance in service.findall("instance"):
            fmri = f"svc:/{service.get('name')}:{instance.get('name')}"
            context = instance.find("method_context")
            context = service.find("method_context") if context is None else context
            methods = {
                method.get("name"): _method(method, context)
                for scope in (service, instance)
                for method in scope.findall("exec_method")
            }
            if not {"start", "stop"} <= set(methods):
                refuse(f"couldn't import {path}: {fmri} has no start or no stop method")
            values = {
                f"{group.get('name')}/{value.get('name')}": value.get("value")
                for scope in (service, instance)
                for group in scope.findall("property_group")
                for value in group.findall("propval")
            }
            if values.get("startd/duration", "contract") != "contract" or "signal" not in values.get(
                "startd/ignore_error", ""
            ):
                refuse(f"{fmri}: the stand-in knows contracts with ignore_error=core,signal only")
            paths = [
                (each.get("value") or "").removeprefix("file://localhost")
                for dependency in instance.findall("dependency")
                if dependency.get("type") == "path"
                for each in dependency.findall("service_fmri")
            ]
            enabled = instance.get("enabled") == "true"
            found[fmri] = {"methods": methods, "properties": values, "paths": paths, "enabled": enabled}
    return found or refuse(f"couldn't import {path}: no instance")


def svccfg(words: list[str]) -> None:
    command, rest = words[0], words[1:]
    if command == "validate" and len(rest) == 1:
        parse(rest[0])
    elif command == "import" and len(rest) == 1:
        if rest[0].startswith(STANDARD):
            refuse("the stand-in has no manifest-import service, which owns that directory")
        for fmri, values in parse(rest[0]).items():
            known = repository.configured(fmri)
            repository.configure(fmri, **{**values, "enabled": known.get("enabled", values["enabled"])})
    elif command == "delete" and len(rest) in (1, 2):
        options, names = getopt.getopt(rest, "f")
        fmri = find(names[0])
        if repository.now(fmri)["state"] in ("online", "offline*"):
            if not options:
                refuse(f'Instance "{fmri}" is running; use -f')
            order(fmri, signal.SIGTERM)
            wait(fmri)
        repository.forget(fmri)
    else:
        refuse(f"not known to the stand-in: {' '.join(words)}", 2)


# -- svcadm


def is_alive(holder: int) -> bool:
    return holder > 0 and repository.command(holder) == "contract.py"


def order(fmri: str, number: int) -> None:
    if is_alive(repository.now(fmri)["holder"]):
        os.kill(repository.now(fmri)["holder"], number)


def wait(fmri: str) -> str:
    """The state when nothing is on its way any more."""
    while True:
        now = repository.now(fmri)
        if not is_alive(now["holder"]) or (now["state"] == "online" and repository.is_enabled(fmri)):
            return repository.now(fmri)["state"]
        time.sleep(LOOK_SECONDS)


def begin(fmri: str) -> None:
    if is_alive(repository.now(fmri)["holder"]):
        return
    process = subprocess.Popen(
        [str(Path(__file__).resolve().with_name("contract.py")), fmri],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C"},
    )
    repository.note(fmri, state="offline*", holder=process.pid)


def enable(fmri: str, options: set[str]) -> None:
    if "-t" in options:
        repository.note(fmri, override=True)
    else:
        repository.configure(fmri, enabled=True)
        repository.note(fmri, override=None)
    if repository.now(fmri)["state"] != "maintenance":
        begin(fmri)
    if "-s" in options:
        state = wait(fmri)
        if state != "online":
            refuse(f'Instance "{fmri}" is in {state} state.', 3)


def disable(fmri: str, options: set[str]) -> None:
    if "-t" in options:
        repository.note(fmri, override=False)
    else:
        repository.configure(fmri, enabled=False)
        repository.note(fmri, override=None)
    order(fmri, signal.SIGTERM)
    if not is_alive(repository.now(fmri)["holder"]):
        repository.note(fmri, state="disabled")
    if "-s" in options:
        wait(fmri)


def svcadm(words: list[str]) -> None:
    command = words[0]
    options, names = getopt.getopt(words[1:], {"enable": "rst", "disable": "st", "restart": "s"}.get(command, ""))
    given = {name for name, _ in options}
    if not names:
        refuse("no instance", 2)
    for fmri in map(find, names):
        if command == "enable":
            enable(fmri, given)
        elif command == "disable":
            disable(fmri, given)
        elif command == "restart":
            if repository.now(fmri)["state"] == "online":
                repository.note(fmri, state="online*")
                order(fmri, signal.SIGHUP)
            if "-s" in given and wait(fmri) != "online":
                refuse(f'Instance "{fmri}" is not online.', 3)
        elif command == "refresh":
            order(fmri, signal.SIGUSR1)
        elif command == "clear":
            if repository.now(fmri)["state"] != "maintenance":
                refuse(f'Instance "{fmri}" is not in a maintenance or degraded state.')
            repository.note(fmri, state="disabled")
            if repository.is_enabled(fmri):
                begin(fmri)
        else:
            refuse(f"not known to the stand-in: {command}", 2)


# -- svcs, svcprop


def svcs(words: list[str]) -> None:
    options, names = getopt.getopt(words, "Hapo:")
    given = dict(options)
    columns = given.get("-o", "state,fmri").split(",")
    found = list(map(find, names)) if names else repository.instances()
    if "-H" not in given:
        print("  ".join(column.upper().ljust(14) for column in columns).rstrip())
    for fmri in found:
        now = repository.now(fmri)
        values = {"state": now["state"], "fmri": fmri, "ctid": str(now["holder"])}
        print("  ".join(values[column].ljust(14) for column in columns).rstrip())
        if "-p" in given:
            for pid in sorted(repository.descendants(now["holder"]) if is_alive(now["holder"]) else ()):
                print(f"               {pid} {repository.command(pid)}")


def svcprop(words: list[str]) -> None:
    options, names = getopt.getopt(words, "p:")
    fmri = find(names[0])
    known = {
        **repository.configured(fmri)["properties"],
        "general/enabled": str(repository.configured(fmri)["enabled"]).lower(),
        "restarter/state": repository.now(fmri)["state"],
        "restarter/logfile": str(repository.log_file(fmri)),
    }
    for _, name in options:
        if name not in known:
            refuse(f"Couldn't find property group or property '{name}' for instance `{fmri}'.")
        print(known[name])


if __name__ == "__main__":
    commands = {"svccfg": svccfg, "svcadm": svcadm, "svcs": svcs, "svcprop": svcprop}
    called = os.path.basename(sys.argv[0])
    try:
        if called != "svcs" and len(sys.argv) < 2:
            refuse("a command is wanted", 2)
        commands[called](sys.argv[1:])
    except getopt.GetoptError as error:
        refuse(str(error), 2)
