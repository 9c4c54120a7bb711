# SPDX-License-Identifier: Apache-2.0
"""The tables of this directory, read and checked: a key that is missing, unknown or empty is an error."""

from __future__ import annotations

from pathlib import Path

import tomllib

HERE = Path(__file__).parent
CONTEXTS = {
    "process": "main server",
    "server": "main server, virtual host",
    "section": "main server, virtual host, Directory, Location, Files",
    "htaccess": "main server, virtual host, Directory, Location, Files, .htaccess (FileInfo)",
    "authconfig": "Directory, Location, Files, .htaccess (AuthConfig)",
}
# What each entry of a table has; those that may be empty are in brackets.
KEYS = {
    "directives": ["section", "syntax", "[default]", "context", "since", "text"],
    "daemon_options": ["section", "value", "[default]", "since", "text"],
    "environ": ["type", "when", "text"],
    "module": ["kind", "type", "since", "text"],
    "messages": ["level", "cause", "remedy"],
}

Table = dict[str, dict[str, str]]


def load(name: str) -> Table:
    path = HERE / f"{name}.toml"
    table: Table = tomllib.loads(path.read_text(encoding="utf-8"))
    known = [key.strip("[]") for key in KEYS[name]]
    for entry, fields in table.items():
        if sorted(fields) != sorted(known):
            raise ValueError(f"{path.name}: {entry} has the keys {', '.join(fields)}, not {', '.join(known)}")
        for key in KEYS[name]:
            if not key.startswith("[") and not fields[key].strip():
                raise ValueError(f"{path.name}: {entry}: {key} is empty")
        if "context" in fields and fields["context"] not in CONTEXTS:
            raise ValueError(
                f"{path.name}: {entry}: context is one of {', '.join(CONTEXTS)}, not {fields['context']!r}"
            )
    return table
