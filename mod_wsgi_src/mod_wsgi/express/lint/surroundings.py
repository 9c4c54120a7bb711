# SPDX-License-Identifier: Apache-2.0
"""The server around the application."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, finding
from .parse import Config, Directive

GONE = {
    "wsgireloadmechanism": "use WSGIScriptReloading",
    "wsgiinterpretercreateondemand": "remove it",
    "wsgipythonexecutable": "use WSGIPythonHome",
    "wsgiacceptmutex": "remove it",
}


def loaded_twice(config: Config) -> Iterator[Finding]:
    seen: Directive | None = None
    for directive in config.named("LoadModule"):
        if directive.arguments[:1] != ("wsgi_module",):
            continue
        if seen and seen.arguments != directive.arguments:
            yield finding(directive, f"another mod_wsgi is loaded in line {seen.line}, and that one counts",
                          "keep the one for your Python")  # fmt: skip
        seen = seen or directive


def with_other_languages(config: Config) -> Iterator[Finding]:
    others = ("python_module", "php_module", "php7_module", "php5_module", "perl_module")
    for directive in config.named("LoadModule"):
        name = directive.arguments[0] if directive.arguments else ""
        if name in others and not config.named("WSGIDaemonProcess"):
            yield finding(directive, f"{name} and the application share httpd's processes",
                          "run the application in a daemon group")  # fmt: skip


def old_access_control(config: Config) -> Iterator[Finding]:
    if any(directive.arguments[:1] == ("access_compat_module",) for directive in config.named("LoadModule")):
        return
    for directive in config.named("Order"):
        yield finding(directive, "is of httpd 2.2", "write Require all granted, or Require all denied")


def gone(config: Config) -> Iterator[Finding]:
    for directive in config.directives:
        if directive.key in GONE:
            yield finding(directive, "exists no more, or has no effect", GONE[directive.key])


def silent_log(config: Config) -> Iterator[Finding]:
    for directive in config.named("LogLevel"):
        if any(word.lower() in ("crit", "alert", "emerg") for word in directive.arguments):
            yield finding(directive, "hides what the module says about failed requests", "use warn or info")


def host_without_name(config: Config) -> Iterator[Finding]:
    hosts = {directive.host: directive for directive in config.directives if directive.host}
    named = {directive.host for directive in config.named("ServerName")}
    for host, last in hosts.items():
        inside = [directive for directive in config.directives if directive.host == host]
        if len(hosts) > 1 and host not in named and any(one.key == "wsgiscriptalias" for one in inside):
            first = inside[0]
            yield finding(first, "stands in a virtual host without ServerName, which may never be chosen",
                          f"add ServerName before line {last.line}")  # fmt: skip


def open_to_embedded(config: Config) -> Iterator[Finding]:
    daemons = config.named("WSGIDaemonProcess")
    restricted = any(directive.arguments[:1] == ("On",) for directive in config.named("WSGIRestrictEmbedded"))
    if daemons and not restricted:
        yield finding(daemons[0], "every httpd process can run Python too, though only daemons should",
                      "add WSGIRestrictEmbedded On")  # fmt: skip


RULES = (loaded_twice, with_other_languages, old_access_control, gone, silent_log, host_without_name, open_to_embedded)
