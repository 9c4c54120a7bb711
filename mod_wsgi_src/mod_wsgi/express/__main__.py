# SPDX-License-Identifier: Apache-2.0
"""python -m mod_wsgi.express: the command without its console script."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
