# SPDX-License-Identifier: Apache-2.0
"""What URLs and requests meet."""

from __future__ import annotations

from collections.abc import Iterator

from .finding import Finding, finding
from .parse import Config

# Frameworks read these from os.environ, which SetEnv does not change.
PROCESS_VARIABLES = (
    *("DJANGO_SETTINGS_MODULE", "FLASK_APP", "FLASK_ENV", "VIRTUAL_ENV"),
    *("PYTHONPATH", "PYTHONHOME", "LANG", "LC_ALL", "TZ"),
)


def hidden_by_order(config: Config) -> Iterator[Finding]:
    aliases = [alias for alias in config.named("WSGIScriptAlias") if alias.arguments]
    for index, alias in enumerate(aliases):
        url = alias.arguments[0].rstrip("/")
        for before in aliases[:index]:
            above = before.arguments[0].rstrip("/")
            if before.host == alias.host and above != url and (not above or url.startswith(f"{above}/")):
                yield finding(alias, f"is never reached, line {before.line} takes {before.arguments[0]!r} first",
                              "put the longer URL path first")  # fmt: skip
                break


def set_env(config: Config) -> Iterator[Finding]:
    for directive in config.named("SetEnv"):
        if directive.arguments and directive.arguments[0] in PROCESS_VARIABLES:
            yield finding(directive, f"{directive.arguments[0]} does not reach os.environ",
                          "set it in the script, or in the environment of httpd")  # fmt: skip


def fallback(config: Config) -> Iterator[Finding]:
    for directive in config.named("FallbackResource"):
        if config.named("WSGIScriptAlias") and directive.arguments and directive.arguments[0].lower() != "disabled":
            yield finding(directive, "takes requests away from the application", "remove it")


def every_python_file(config: Config) -> Iterator[Finding]:
    for directive in config.named("AddHandler"):
        if directive.arguments[:1] == ("wsgi-script",) and any(
            word.lstrip(".") == "py" for word in directive.arguments[1:]
        ):
            yield finding(directive, "every .py file becomes an application of its own",
                          "use the extension .wsgi, or WSGIScriptAlias")  # fmt: skip


def htaccess(config: Config) -> Iterator[Finding]:
    for directive in config.named("AllowOverride"):
        if any(word.lower() == "all" for word in directive.arguments):
            yield finding(directive, "whoever can write a .htaccess there can change how the application runs",
                          "write AllowOverride None, or only the classes it needs")  # fmt: skip


RULES = (hidden_by_order, set_env, fallback, every_python_file, htaccess)
