# SPDX-License-Identifier: Apache-2.0
"""Python's part of a crash in gdb: faulthandler tells where Python was, without debugging symbols."""

from __future__ import annotations

import faulthandler
from contextlib import AbstractContextManager, nullcontext

STANDARD_ERROR = 2


def start() -> AbstractContextManager[None]:
    faulthandler.enable(file=STANDARD_ERROR)
    return nullcontext()
