# SPDX-License-Identifier: Apache-2.0
"""Daemon process groups: who runs where."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, finding
from .parse import Config, Directive

GLOBAL = "%{GLOBAL}"


def used_groups(config: Config) -> list[tuple[Directive, str]]:
    """Every place that names a process group."""
    found = [
        (directive, directive.arguments[0]) for directive in config.named("WSGIProcessGroup") if directive.arguments
    ]
    for directive in config.named("WSGIScriptAlias", "WSGIScriptAliasMatch", "WSGIHandlerScript", "WSGIImportScript"):
        name = directive.option("process-group")
        if name:
            found.append((directive, name))
    return found


def _visible(config: Config, alias: Directive) -> str | None:
    """The process group of a script alias."""
    named = alias.option("process-group")
    if named:
        return named
    groups = [group for group in config.named("WSGIProcessGroup") if group.arguments]
    for host in (alias.host, None):
        for group in reversed(groups):
            if group.host == host:
                return group.arguments[0]
    return None


def undefined(config: Config) -> Iterator[Finding]:
    defined = {daemon.arguments[0] for daemon in config.named("WSGIDaemonProcess") if daemon.arguments}
    for directive, name in used_groups(config):
        if name not in defined and "%{" not in name:
            yield finding(directive, f"there is no group {name!r}", f"add WSGIDaemonProcess {name} or correct the name")


def unused(config: Config) -> Iterator[Finding]:
    used = {name for _, name in used_groups(config)}
    if any("%{" in name and name != GLOBAL for name in used):
        return
    for daemon in config.named("WSGIDaemonProcess"):
        if daemon.arguments and daemon.arguments[0] not in used:
            name = daemon.arguments[0]
            yield finding(daemon, f"nothing runs in group {name!r}", f"add WSGIProcessGroup {name}")


def embedded_by_accident(config: Config) -> Iterator[Finding]:
    if not config.named("WSGIDaemonProcess"):
        return
    for alias in config.named("WSGIScriptAlias", "WSGIScriptAliasMatch"):
        if _visible(config, alias) is None:
            yield finding(alias, "runs in httpd's own processes although there is a daemon group",
                          "add process-group=NAME or WSGIProcessGroup")  # fmt: skip


def last_one_wins(config: Config) -> Iterator[Finding]:
    for name in ("WSGIProcessGroup", "WSGIApplicationGroup"):
        seen: dict[object, Directive] = {}
        for directive in config.named(name):
            before = seen.get(directive.sections)
            if before and before.arguments != directive.arguments:
                yield finding(directive, f"replaces that of line {before.line}, for everything here",
                              "keep one, or put each into a section of its own")  # fmt: skip
            seen[directive.sections] = directive


def defined_twice(config: Config) -> Iterator[Finding]:
    seen: dict[str, Directive] = {}
    for daemon in config.named("WSGIDaemonProcess"):
        name = daemon.arguments[0] if daemon.arguments else ""
        if name in seen:
            yield finding(daemon, f"group {name!r} is defined in {seen[name].file}:{seen[name].line} already",
                          "give it another name")  # fmt: skip
        seen.setdefault(name, daemon)


def blanks_around_equals(config: Config) -> Iterator[Finding]:
    for daemon in config.named("WSGIDaemonProcess"):
        for word in daemon.arguments[1:]:
            if word == "=" or word.startswith("=") or word.endswith("="):
                yield finding(daemon, "there are blanks around a '=', or a value is missing", "write option=value")
                break


def superuser(config: Config) -> Iterator[Finding]:
    for daemon in config.named("WSGIDaemonProcess"):
        if daemon.option("user") in ("root", "#0"):
            yield finding(daemon, "runs the application as the superuser", "name an ordinary user")


def no_time_limit(config: Config) -> Iterator[Finding]:
    for daemon in config.named("WSGIDaemonProcess"):
        if daemon.option("request-timeout") == "0":
            yield finding(daemon, "a request that hangs keeps its thread for ever", "give a request-timeout")


def restless(config: Config) -> Iterator[Finding]:
    for daemon in config.named("WSGIDaemonProcess"):
        limit = daemon.option("maximum-requests")
        if limit and limit.isdigit() and 0 < int(limit) < 100:
            yield finding(daemon, f"a new process for every {limit} requests is slow", "give some thousands, or none")


def shared_interpreter(config: Config) -> Iterator[Finding]:
    """Two applications in one interpreter: the second gets the settings (os.environ, modules) of the first."""
    seen: dict[str, Directive] = {}
    for alias in config.named("WSGIScriptAlias"):
        group = _visible(config, alias)
        named = [
            one for one in config.named("WSGIApplicationGroup") if one.arguments and one.host in (alias.host, None)
        ]
        interpreter = alias.option("application-group") or (named[-1].arguments[0] if named else None)
        if not group or interpreter != GLOBAL or len(alias.arguments) < 2:
            continue
        before = seen.setdefault(group, alias)
        if before.arguments[1] != alias.arguments[1]:
            yield finding(alias, f"shares a process and an interpreter with {before.arguments[1]} (line {before.line})",
                          "give each application a group of its own")  # fmt: skip


def import_without_target(config: Config) -> Iterator[Finding]:
    for script in config.named("WSGIImportScript"):
        if not script.option("process-group") or not script.option("application-group"):
            yield finding(script, "does not say where the script is loaded",
                          "give process-group=NAME and application-group=NAME")  # fmt: skip


RULES = (
    undefined, unused, embedded_by_accident, last_one_wins, defined_twice, blanks_around_equals, superuser,
    no_time_limit, restless, shared_interpreter, import_without_target,
)  # fmt: skip
