# SPDX-License-Identifier: Apache-2.0
"""A service that says that it lives."""

import time

print("ticking", flush=True)
while True:
    time.sleep(60)
