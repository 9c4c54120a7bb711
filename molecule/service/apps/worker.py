# SPDX-License-Identifier: Apache-2.0
"""A service script that runs as another user than the application."""

import os
import time

print(f"worker runs as {os.getuid()}", flush=True)
while True:
    time.sleep(5)
