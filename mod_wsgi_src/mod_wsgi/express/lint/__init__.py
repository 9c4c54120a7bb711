# SPDX-License-Identifier: Apache-2.0
"""Known mistakes in an httpd configuration that loads mod_wsgi: each with file, line and what to do."""

from __future__ import annotations

from pathlib import Path

from . import applications, files, groups, surroundings
from .finding import Finding
from .parse import read

RULES = (*groups.RULES, *files.RULES, *applications.RULES, *surroundings.RULES)


def check(path: Path) -> list[Finding]:
    config = read(path)
    found = [finding for rule in RULES for finding in rule(config)]
    return sorted(set(found), key=lambda finding: (finding.file, finding.line, finding.text))
