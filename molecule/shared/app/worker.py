# SPDX-License-Identifier: Apache-2.0
"""A service: one line about itself, then it waits for its end."""

import os
import signal
import sys

print("worker", sys.version_info[:2], os.environ["COLOUR"], file=sys.stderr, flush=True)
signal.pause()
