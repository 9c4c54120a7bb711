# SPDX-License-Identifier: Apache-2.0
"""mod_wsgi of the modwsgi.toolkit collection.

`version` is the release of mod_wsgi whose interface this package fulfils, `toolkit_version` our own. The file
TOOLKIT beside this one is the marker by which tools tell this distribution from another one of the same name:
only ours has it, and its text is the full version of the installed wheel.
"""

from __future__ import annotations

import os

version = (4, 4, 11)

MARKER = "TOOLKIT"


def installed_version(package_directory: str = os.path.dirname(os.path.abspath(__file__))) -> str | None:
    """The full version of the toolkit's mod_wsgi in `package_directory`; None when it is not the toolkit's."""
    try:
        with open(os.path.join(package_directory, MARKER), encoding="ascii") as marker:
            return marker.read().strip()
    except OSError:
        return None


def _own_version() -> str:
    installed = installed_version()
    if installed:
        return installed.split("+toolkit.", 1)[1].rsplit(".k", 1)[0]
    # Running from the source tree: the file that the build reads.
    with open(os.path.join(os.path.dirname(__file__), os.pardir, "VERSION"), encoding="ascii") as source:
        return source.read().strip()


toolkit_version = _own_version()
