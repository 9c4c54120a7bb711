# SPDX-License-Identifier: Apache-2.0
"""The command line of mod_wsgi-express, built from the table of options."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .. import installed_version, toolkit_version
from .. import server as package
from ..server import bundle
from . import doctor, install, model, operations, plan, preflight, replay, server, settings
from . import httpd as finder
from .commands import COMMANDS, OPERATIONS, OTHERS, PROGRAM, TAKES_OPTIONS, Layout, overview
from .errors import ExpressError, UsageError
from .httpd import Httpd
from .legacy import ALIASES, DROPPED, REFUSED
from .options import BY_NAME, OPTIONS, Option
from .values import absolute, expect


class Parser(argparse.ArgumentParser):
    """Errors are one line; unknown options get a suggestion."""

    def __init__(self, **more: Any) -> None:
        more.setdefault("formatter_class", Layout)
        super().__init__(**more)

    def error(self, message: str) -> NoReturn:
        raise UsageError(message)

    def parse_known_args(self, *arguments: Any, **more: Any) -> Any:
        found, unknown = super().parse_known_args(*arguments, **more)
        if unknown:
            name = unknown[0].lstrip("-").partition("=")[0]
            among = (spelled.lstrip("-") for spelled in self._option_string_actions)
            of = self.prog.rpartition(f"{PROGRAM} ")[2]
            raise UsageError(f"{unknown[0]}: no such option of {of}{settings.did_you_mean(name, among)}")
        return found, unknown


def _help(option: Option) -> str:
    text = option.help.replace("%", "%%")
    default = option.default
    return text if default in (None, (), False) else f"{text} Default: {str(default).replace('%', '%%')}."


def _add(group: Any, option: Option, spelled: str, help: str) -> None:
    if option.is_flag:
        group.add_argument(f"--{spelled}", dest=option.key, action="store_true", help=help)
        return
    count = len(option.types)
    group.add_argument(
        f"--{spelled}",
        dest=option.key,
        action="append" if option.repeatable else "store",
        nargs=count if count > 1 else None,
        metavar=option.metavar if count > 1 else option.metavar[0],
        help=help,
    )


def _add_table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("entry", nargs="*", help="script, module or directory; see --application-type")
    parser.add_argument(
        "--config", metavar="FILE", help="TOML file with the names of options as keys; options given here win."
    )
    parser.add_argument(
        "--options-file", metavar="FILE",
        help='JSON {"entry": ..., "options": {...}}; - is standard input.',
    )  # fmt: skip
    titles = dict.fromkeys(option.group for option in OPTIONS)
    groups = {title: parser.add_argument_group(title) for title in titles}
    for option in OPTIONS:
        _add(groups[option.group], option, option.name, _help(option))
    for alias, name in ALIASES.items():
        _add(parser, dataclasses.replace(BY_NAME[name], name=alias), alias, argparse.SUPPRESS)
    for name, dropped in DROPPED.items():
        if dropped.words:
            parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
        else:
            parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)
    for name in REFUSED:
        parser.add_argument(f"--{name}", action="store_true", help=argparse.SUPPRESS)


def _add_operation(parser: argparse.ArgumentParser, name: str) -> None:
    which = parser.add_argument_group("Which server (the same options as at its start)")
    for option in (BY_NAME["server-root"], BY_NAME["host"], BY_NAME["port"]):
        _add(which, option, option.name, _help(option))
    if name in ("reload", "stop", "wait"):
        parser.add_argument(
            "--timeout", type=int, default=60, metavar="SECONDS", help="Longest time to wait. Default: 60."
        )
    if name == "stop":
        parser.add_argument("--graceful", action="store_true", default=False, help="Let requests finish first.")
    if name == "status":
        parser.add_argument("--json", action="store_true", default=False, help="Print one JSON object.")
    if name == "logs":
        parser.add_argument("name", nargs="?", default="error", help="error, access, startup or service:NAME")
        parser.add_argument("--lines", type=int, default=50, metavar="NUMBER", help="How many. Default: 50.")
        parser.add_argument("--follow", action="store_true", default=False, help="Go on with what is written now.")


def make_parser() -> Parser:
    parser = Parser(prog=PROGRAM)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {installed_version() or toolkit_version}")
    parser.format_help = overview  # type: ignore[method-assign]
    commands = parser.add_subparsers(dest="command", metavar="command", required=True, parser_class=Parser)
    for name, text in TAKES_OPTIONS.items():
        made = commands.add_parser(
            name,
            help=text,
            description=text,
            usage=f"{PROGRAM} {name} [entry] [options]",
            argument_default=argparse.SUPPRESS,
        )
        _add_table(made)
        if name == "doctor":
            made.add_argument(
                "--lint", metavar="FILE", help="look for known mistakes in this httpd configuration instead"
            )
        if name == "plan":
            made.add_argument("--json", action="store_true", help="print one JSON object")
            made.add_argument(
                "--coming",
                metavar="PATH",
                action="append",
                help="what is missing there or below is yet to come, and no error",
            )
            made.add_argument(
                "--opening",
                metavar="PATH",
                action="append",
                help="who cannot reach what is there or below is no error: it is yet to change",
            )
    for name, text in OPERATIONS.items():
        _add_operation(commands.add_parser(name, help=text, description=text, argument_default=argparse.SUPPRESS), name)
    for name, text in OTHERS.items():
        made = commands.add_parser(name, help=text, description=text)
        if name == "install-module":
            made.add_argument(
                "--modules-directory", metavar="DIRECTORY", help="where to; default is that of the httpd found"
            )
        elif name == "replay":
            made.add_argument("paths", nargs="+", metavar="path", help="directory of the recorder, or a file in it")
            made.add_argument("--url", help="server to ask; default is the recorded one")
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    if not arguments:
        raise UsageError(f"no command; give one of {', '.join(COMMANDS)}, or --help")
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        close = [name for name in COMMANDS if name.startswith(arguments[0])]
        close = close or difflib.get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"give one of {', '.join(COMMANDS)}"
        raise UsageError(f"{arguments[0]!r}: no such command; {hint}")
    return make_parser().parse_args([os.path.expandvars(word) for word in arguments])


def _httpd(values: settings.Settings | None, repair: bool = True) -> Httpd:
    """The httpd to use. `repair` False writes nothing, and refuses one that is not safe to start as it is."""
    executable = values.httpd_executable if values else None
    environ = {**os.environ, "HTTPD": str(executable)} if executable else os.environ
    try:
        directory = str(values.modules_directory or "") if values else ""
        found = finder.locate(environ=environ, repair=repair, modules_directory=directory)
    except finder.HttpdError as error:
        raise ExpressError(str(error)) from None
    if not repair and found.library_path and bundle.repair(str(Path(found.library_path).parent), dry_run=True).changed:
        raise ExpressError(
            f"{found.executable}: not safe to start yet; run {sys.executable} -m mod_wsgi.express.httpd repair"
        )
    return found


def _module() -> Path:
    try:
        return Path(package.module_path())
    except package.NotBuiltError as error:
        raise ExpressError(str(error)) from None


def make_model(found: argparse.Namespace, repair: bool) -> model.Model:
    own = ("command", "entry", "config", "options_file", "json", "lint", "coming", "opening")
    raw = {key: value for key, value in vars(found).items() if key not in own}
    entries = list(getattr(found, "entry", []) or [])
    for key, read in (("options_file", settings.read_options_file), ("config", settings.read_config)):
        if key in found:
            entry, options = read(getattr(found, key))
            known = {settings.key_of(name) for name in raw}
            raw.update((name, value) for name, value in options.items() if settings.key_of(name) not in known)
            entries = entries or ([entry] if entry is not None else [])
    if len(entries) > 1:
        raise UsageError(f"entry point: {entries[1]!r} is one too many, {entries[0]!r} was given already; give one")
    values = settings.read_settings(raw)
    made = model.build(values, entries[0] if entries else None, _httpd(values, repair), _module())
    for note in made.settings.notes:
        print(f"{PROGRAM} {found.command}: note: {note}", file=sys.stderr)
    return made


def _set_up(found: argparse.Namespace) -> int:
    made = make_model(found, repair=True)
    starts = found.command == "start-server" and not made.setup_only
    if starts:
        preflight.check_not_running(made)
        preflight.check_ports(made)
    server.set_up(made)
    print(server.summary(made), end="", flush=True)
    return server.start(made) if starts else 0


def _plan(found: argparse.Namespace) -> int:
    expect(map(absolute, getattr(found, "coming", [])), map(absolute, getattr(found, "opening", [])))
    made = make_model(found, repair=False)
    preflight.check_all(made)
    result = plan.make_plan(made)
    if "json" in found:
        print(json.dumps(result, indent=2, sort_keys=True))
        return 0
    for file in result["files"]:
        print(f"{file['state']:<7} {file['path']}")
        print(file["diff"], end="")
    print(f"action={result['action']} would_interrupt={str(result['would_interrupt']).lower()}")
    for reason in result["reasons"]:
        print(f"  {reason}")
    return 0


def _doctor(found: argparse.Namespace) -> int:
    if "lint" in found:
        return doctor.lint_file(Path(found.lint))
    return doctor.run(lambda: make_model(found, repair=False))


def _install(found: argparse.Namespace) -> int:
    directory = found.modules_directory or _httpd(None).modules_directory
    print(install.module_config(install.install_module(_module(), Path(os.path.abspath(directory)))), end="")
    return 0


def _operate(found: argparse.Namespace) -> int:
    given = {key: value for key, value in vars(found).items() if key in ("server_root", "host", "port")}
    values = settings.read_settings(given)
    instance = operations.find(values.server_root, values.host, values.port)
    if found.command == "reload":
        return operations.reload(instance, found.timeout)
    if found.command == "wait":
        return operations.wait(instance, found.timeout)
    if found.command == "stop":
        return operations.stop(instance, found.timeout, found.graceful)
    if found.command == "status":
        return operations.status(instance, found.json)
    return operations.logs(instance, found.name, found.lines, found.follow)


def run(arguments: Sequence[str]) -> int:
    found = parse(arguments)
    if found.command in OPERATIONS:
        return _operate(found)
    if found.command == "module-location":
        print(_module())
    elif found.command == "module-config":
        print(install.module_config(_module()), end="")
    elif found.command == "install-module":
        return _install(found)
    elif found.command == "doctor":
        return _doctor(found)
    elif found.command == "replay":
        return replay.run(found.paths, found.url)
    elif found.command == "plan":
        return _plan(found)
    else:
        return _set_up(found)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return run(given)
    except ExpressError as error:
        command = given[0] if given and given[0] in COMMANDS else ""
        print(f"{' '.join(filter(None, [PROGRAM, command]))}: {error}", file=sys.stderr)
        return error.exit_code
