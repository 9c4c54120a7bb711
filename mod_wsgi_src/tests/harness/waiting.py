# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], what: str, timeout: float = 15.0) -> T:
    """Waits until the condition gives something true, and returns that. The timeout only ends a test that failed."""
    end = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:g} s in vain: {what}")
        time.sleep(0.02)
