# SPDX-License-Identifier: Apache-2.0
"""What can go wrong for a user of the command: always one line that names option, finding and fix."""

from __future__ import annotations


class ExpressError(Exception):
    """The surroundings do not allow it (port taken, unreadable file, httpd refuses): exit code 1."""

    exit_code = 1


class UsageError(ExpressError):
    """The command line or the options file is wrong: exit code 2."""

    exit_code = 2


def bad_option(name: str, found: object, fix: str) -> UsageError:
    return UsageError(f"--{name}: {found!r} {fix}")
