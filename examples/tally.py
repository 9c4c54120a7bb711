# SPDX-License-Identifier: Apache-2.0
"""Service script: a background process of the server, with its own log. Counts the notes now and then."""

from __future__ import annotations

import os
import sys
import time

from guestbook.storage import Notes, data_directory

INTERVAL = 20.0  # seconds between two lines


def say(text: str) -> None:
    """One line of the service's log, complete at once."""
    express = os.environ.get("MOD_WSGI_EXPRESS", "absent")
    print(f"tally: {text} MOD_WSGI_EXPRESS={express} pid={os.getpid()}", file=sys.stderr, flush=True)


def main() -> None:
    notes = Notes(data_directory())
    say("started")
    while True:
        say(f"notes={notes.count()}")
        time.sleep(INTERVAL)


main()
