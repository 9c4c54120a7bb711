# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that goes on when the module that started it has ended, or was interrupted."""

from __future__ import annotations

import subprocess


def start(command: list[str], environment: dict[str, str], directory: str, log: str, lock: int) -> None:
    """In a session of its own, with its output in the log. It holds the lock, an open file, for as long as it runs."""
    with open(log, "wb") as output:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=directory,
            pass_fds=(lock,),
            start_new_session=True,
        )
