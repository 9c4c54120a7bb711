# SPDX-License-Identifier: Apache-2.0
"""Entry point: the server loads this file and calls `application`."""

from __future__ import annotations

from guestbook import create_application
from guestbook.storage import data_directory

application = create_application(data_directory())
