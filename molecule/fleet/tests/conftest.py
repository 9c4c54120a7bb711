# SPDX-License-Identifier: Apache-2.0
"""What the tests of a fleet share lies beside its playbooks."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shared" / "fleet"))
