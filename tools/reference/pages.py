# SPDX-License-Identifier: Apache-2.0
"""Writes docs/reference/roles.md and plugins.md: the argument specs of the roles, the documentation of the plugins.

`python3 tools/reference/pages.py` writes what differs, `--check` only says so. It needs PyYAML (.venv has it)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import options
import yaml
from markup import markdown, table

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs" / "reference"
NOTE = "<!-- Written by tools/reference/pages.py from {source}: change that, not this. -->\n"
KINDS = {"modules": "Modules", "filter": "Filters", "test": "Tests", "lookup": "Lookups", "callback": "Callbacks"}


def roles() -> str:
    lines = [
        "# Roles",
        "",
        "`modwsgi.toolkit.mod_wsgi` is the one to call; it calls the others. What an entry of `mod_wsgi_instances` may",
        "contain is `mod_wsgi_instance_spec` of the role `mod_wsgi_instance`. A key that does not exist is an error.",
        "",
    ]
    for path in sorted((CHECKOUT / "roles").glob("*/meta/argument_specs.yml")):
        lines += _role(path.parents[1].name, yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"])
    return "\n".join(lines)


def _role(name: str, entries: dict[str, Any]) -> list[str]:
    lines = [f"## {name}", ""]
    common = entries["main"].get("options") or {}
    for entry, spec in entries.items():
        if entry != "main":
            lines += [f"### {name}, tasks_from: {entry}", ""]
        lines += [f"{spec['short_description']}.", "", markdown(spec["description"]), ""]
        wanted = spec.get("options") or {}
        own = wanted if entry == "main" else {key: value for key, value in wanted.items() if key not in common}
        if entry != "main" and len(own) < len(wanted):
            lines += [f"The variables of the role{', and' if own else '.'}", ""]
        if own:
            lines += options.tables(own, "####")
    return lines


def _strings(path: Path) -> dict[str, str]:
    """The texts that a Python file assigns to names, in a class or not, without running it."""
    return {
        target.id: node.value.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _with_fragments(documentation: dict[str, Any]) -> dict[str, Any]:
    for name in documentation.get("extends_documentation_fragment", []):
        path = CHECKOUT / "plugins" / "doc_fragments" / f"{name.rpartition('.')[2]}.py"
        for part, fields in yaml.safe_load(_strings(path)["DOCUMENTATION"]).items():
            documentation.setdefault(part, {}).update(fields)
    return documentation


def _documented(kind: str) -> Iterator[tuple[dict[str, Any], str, dict[str, Any]]]:
    """Documentation, examples and return values of each plugin of a kind."""
    for path in sorted((CHECKOUT / "plugins" / kind).iterdir()):
        if path.suffix == ".yml":
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
            yield found["DOCUMENTATION"], found["EXAMPLES"], found.get("RETURN") or {}
        elif path.suffix == ".py":
            texts = _strings(path)
            if "DOCUMENTATION" in texts:
                documentation, values = (yaml.safe_load(texts.get(name, "")) for name in ("DOCUMENTATION", "RETURN"))
                yield _with_fragments(documentation), texts.get("EXAMPLES", ""), values or {}


def plugins() -> str:
    lines = ["# Modules and plugins", "", "All of them are named `modwsgi.toolkit.NAME`.", ""]
    for kind, heading in KINDS.items():
        if (CHECKOUT / "plugins" / kind).is_dir():
            lines += [f"## {heading}", ""]
            for documentation, examples, values in _documented(kind):
                lines += _plugin(documentation, examples, values)
    return "\n".join(lines)


def _plugin(documentation: dict[str, Any], examples: str, values: dict[str, Any]) -> list[str]:
    lines = [f"### {documentation.get('module') or documentation['name']}", ""]
    lines += [f"{documentation['short_description']}.", "", markdown(documentation["description"]), ""]
    if documentation.get("options"):
        lines += options.tables(documentation["options"], "####")
    if documentation.get("attributes"):
        rows = [
            (name, fields["support"], markdown(fields["description"]))
            for name, fields in documentation["attributes"].items()
        ]
        lines += table(("attribute", "support", ""), rows)
    if examples.strip():
        lines += ["```yaml", examples.strip(), "```", ""]
    if values:
        lines += table(("returned", "type", ""), options.returned(values))
    return lines


PAGES = {
    "roles.md": (roles, "roles/*/meta/argument_specs.yml"),
    "plugins.md": (plugins, "the documentation in plugins/"),
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
            print(f"{path}: not up to date; run .venv/bin/python tools/reference/pages.py", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
            print(path)
    return 1 if arguments and pages else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
