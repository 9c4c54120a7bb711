# SPDX-License-Identifier: Apache-2.0
"""The table that `./run molecule` ends with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

RUN = """
. tools/lib/images.sh
molecule_test() { [ "$2" != broken ] && [ "$2" != sid ]; }
molecule_scenarios "$@"
"""


def run(checkout: Path, *scenarios: str, **environment: str) -> tuple[int, dict[str, str]]:
    """The exit code, and what the table says of each scenario."""
    surroundings = {**os.environ, "CHECKOUT": str(checkout), "MOD_WSGI_SOLARIS_HOST": "", **environment}
    command = ["sh", "-uc", RUN, "sh", *scenarios]
    done = subprocess.run(command, cwd=checkout, env=surroundings, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = [line.split(None, 3) for line in done.stdout.splitlines() if line]
    return done.returncode, {name: result for name, _, _, result in lines}


def test_all_that_was_asked_for_is_in_it_whatever_fails(checkout: Path) -> None:
    assert run(checkout, "broken", "default") == (1, {"broken": "FAILED", "default": "passed"})
    assert run(checkout, "default") == (0, {"default": "passed"})


def test_what_is_advisory_fails_nothing(checkout: Path) -> None:
    assert run(checkout, "sid", "default") == (0, {"sid": "FAILED, which is told and no more", "default": "passed"})


def test_a_machine_that_is_not_there_is_no_failure_and_no_success(checkout: Path) -> None:
    told = "left out: MOD_WSGI_SOLARIS_HOST names no machine"
    assert run(checkout, "solaris-host") == (0, {"solaris-host": told})
    assert run(checkout, "solaris-host", MOD_WSGI_SOLARIS_HOST="root@host") == (0, {"solaris-host": "passed"})
