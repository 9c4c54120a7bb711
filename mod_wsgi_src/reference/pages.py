# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/ from the tables of this directory and from the messages in the sources.

`python3 mod_wsgi_src/reference/pages.py` writes what differs, `--check` only says so. Python 3.11 or newer."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import messages
import tables

DOCS = Path(__file__).parents[2] / "docs" / "reference"
NOTE = "<!-- Written by mod_wsgi_src/reference/pages.py from {source}: change that, not this. -->\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _since(release: str) -> str:
    return "mod_wsgi 4.4.11 or older" if release == "4.4.11" else "only here" if release == "toolkit" else release


def _sections(table: tables.Table) -> dict[str, tables.Table]:
    """The entries under their headings, in the order of the headings' first entries."""
    found: dict[str, tables.Table] = {}
    for name, fields in table.items():
        found.setdefault(fields["section"], {})[name] = fields
    return found


def directives() -> str:
    lines = [
        "# Directives",
        "",
        "What mod_wsgi reads from Apache's configuration. Names and On/Off are read in any case.",
        "",
    ]
    for heading, entries in _sections(tables.load("directives")).items():
        lines += [f"## {heading}", ""]
        for name, fields in entries.items():
            lines += [
                "### " + name.replace("<", "\\<"),
                "",
                "```apache",
                fields["syntax"],
                "```",
                "",
                fields["text"].strip(),
                "",
            ]
            if fields["default"]:
                lines.append(f"- Default: {fields['default']}")
            lines += [f"- Where: {tables.CONTEXTS[fields['context']]}", f"- Since: {_since(fields['since'])}", ""]
    return "\n".join(lines)


def daemon_options() -> str:
    lines = [
        "# Options of WSGIDaemonProcess",
        "",
        "`WSGIDaemonProcess NAME option=value ...`; a value with blanks stands in quotes. Time limits are in seconds,",
        "and 0 switches them off unless the table says otherwise. An unknown option or a wrong value is an error.",
        "",
    ]
    for heading, entries in _sections(tables.load("daemon_options")).items():
        lines += [f"## {heading}", "", _row("option", "takes", "default", "", "since"), _row(*["---"] * 5)]
        for name, fields in entries.items():
            cells = (_code(name), fields["value"], fields["default"], fields["text"], _since(fields["since"]))
            lines.append(_row(*cells))
        lines.append("")
    return "\n".join(lines)


def environ() -> str:
    lines = [
        "# The environ of a request",
        "",
        "Header fields are `HTTP_*` keys, and SetEnv, SetEnvIf, RewriteRule and `SSLOptions +StdEnvVars`",
        "add keys of their own. Values of type str are native strings as PEP 3333 says.",
        "",
        _row("key", "type", "when", ""),
        _row(*["---"] * 4),
    ]
    modes = {"daemon": "daemon mode", "embedded": "embedded mode"}
    for name, fields in tables.load("environ").items():
        lines.append(_row(_code(name), fields["type"], modes.get(fields["when"], fields["when"]), fields["text"]))
    return "\n".join([*lines, ""])


def python_modules() -> str:
    lines = [
        "# The modules mod_wsgi and apache",
        "",
        "`import mod_wsgi` and `import apache` inside a server process have these names, beside those of packages",
        "of the same name that are installed.",
        "",
        _row("name", "kind", "type", "", "since"),
        _row(*["---"] * 5),
    ]
    for name, fields in tables.load("module").items():
        lines.append(_row(_code(name), fields["kind"], fields["type"], fields["text"], _since(fields["since"])))
    return "\n".join([*lines, ""])


def messages_page() -> str:
    lines = [
        "# Messages",
        "",
        "Every line that the module itself writes to the error log begins with a code. This page says for each what it",
        "means and what to do. Lines without a code are the application's.",
        "",
    ]
    texts = {use.code: use.text for use in messages.uses()}
    for code, fields in tables.load("messages").items():
        lines += [f"## {code}", "", f"> {texts.get(code, '')}", "", f"Level: {fields['level']}.", ""]
        lines += [f"Cause: {fields['cause'].strip()}", "", f"Remedy: {fields['remedy'].strip()}", ""]
    return "\n".join(lines)


def express() -> str:
    """The command has tables of its own."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    try:
        return importlib.import_module("mod_wsgi.express.reference").markdown()
    finally:
        del sys.path[0]


PAGES = {
    "express.md": (express, "the tables of mod_wsgi/express"),
    "directives.md": (directives, "directives.toml"),
    "daemon-options.md": (daemon_options, "daemon_options.toml"),
    "environ.md": (environ, "environ.toml"),
    "python-modules.md": (python_modules, "module.toml"),
    "messages.md": (messages_page, "messages.toml and the sources"),
}


def outdated() -> dict[Path, str]:
    """The pages that differ from what they should be, and that."""
    found = {}
    for name, (make, source) in PAGES.items():
        path, text = DOCS / name, NOTE.format(source=source) + make().rstrip("\n") + "\n"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            found[path] = text
    return found


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print(f"usage: {Path(__file__).name} [--check]", file=sys.stderr)
        return 2
    pages = outdated()
    for path, text in pages.items():
        if arguments:
            print(f"{path}: not up to date; run python3 mod_wsgi_src/reference/pages.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(path)
    return 1 if arguments and pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
