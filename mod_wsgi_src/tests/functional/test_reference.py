# SPDX-License-Identifier: Apache-2.0
"""The tables that the reference pages are made of say what the module has, and every name in them is in a test."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any, Callable

from harness.server import Httpd

sys.path.insert(0, str(Path(__file__).parents[2] / "reference"))

import tables

TESTS = Path(__file__).parent
# How `httpd -L` words the contexts of a directive.
WHERE = {
    "process": "Allowed in *.conf only outside <Directory>, <Files>, <Location>, or <If>",
    "server": "Allowed in *.conf only outside <Directory>, <Files>, <Location>, or <If>",
    "section": "Allowed in *.conf anywhere",
    "htaccess": "Allowed in *.conf anywhere and in .htaccess when AllowOverride includes FileInfo",
    "authconfig": "Allowed in *.conf only inside <Directory>, <Files>, <Location>, or <If> and in .htaccess "
    "when AllowOverride includes AuthConfig",
}


def facts(lab: Httpd) -> dict[str, Any]:
    response = lab.get("/environment", {"X-Some-Field": "1"})
    assert response.status == 200
    return json.loads(response.body)


def test_directives(httpd: Callable[..., Httpd]) -> None:
    _, output = httpd(start=False).run("-L")
    found = {}
    for entry in re.split(r"\n(?=\S)", output):
        if match := re.match(r"(\S+) \(mod_wsgi\.c\)\n", entry):
            found[match.group(1)] = " ".join(entry[entry.index("Allowed") :].split())
    assert found == {name: WHERE[fields["context"]] for name, fields in tables.load("directives").items()}


def test_daemon_options(httpd: Callable[..., Httpd]) -> None:
    status, output = httpd("WSGIDaemonProcess d no-such-option=1", start=False).check()
    match = re.search(r'unknown option "no-such-option"; the options are (.*)', output)
    assert match, output
    assert status != 0
    assert sorted(match.group(1).split(", ")) == sorted(tables.load("daemon_options"))


def test_environ(lab: Httpd, mode: str) -> None:
    table = tables.load("environ")
    seen = facts(lab)["environ"]
    assert {key for key in seen if not key.startswith("HTTP_")} <= set(table)
    expected = {key for key, fields in table.items() if fields["when"] in ("always", mode)}
    assert expected <= set(seen)
    hidden = {key for key, fields in table.items() if fields["when"] in {"daemon", "embedded"} - {mode}}
    assert not hidden & set(seen)
    wrong = {key: seen[key][0] for key in expected if table[key]["type"] not in ("object", seen[key][0])}
    assert not wrong


def test_modules(lab: Httpd) -> None:
    table = tables.load("module")
    installed = runpy.run_path(str(TESTS.parents[1] / "mod_wsgi" / "__init__.py"))
    found = facts(lab)["process"]["modules"]
    expected = {name: fields["type"] for name, fields in table.items()}
    packaged = {f"mod_wsgi.{name}" for name in installed} - set(expected)
    assert {name: kind for name, kind in found.items() if name not in packaged} == expected


def test_every_name_is_tested() -> None:
    files = [path for path in TESTS.rglob("*.py") if path != Path(__file__)]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    names = {name for table in ("directives", "daemon_options", "environ", "module") for name in tables.load(table)}
    untested = {name for name in names if not re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", text)}
    assert untested == set()
