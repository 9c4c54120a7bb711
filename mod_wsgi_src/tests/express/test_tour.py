# SPDX-License-Identifier: Apache-2.0
"""The five minutes of the README work by copy and paste."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_five_minutes(express):
    text = README.read_text().partition("## Five minutes")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    script = "".join(blocks).replace("8010", str(express.port))
    if os.geteuid() == 0:
        script = re.sub(r"(doctor|setup-server) hello.py", rf"\1 hello.py {' '.join(express.account)}", script)
    express.root = express.directory / "tour"
    path = f"{express.venv / 'bin'}:{os.environ['PATH']}"
    try:
        done = subprocess.run(
            ["sh", "-e"], input=script, env={**express.env, "PATH": path}, cwd=express.directory, capture_output=True,
            text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        express.run("stop", "--server-root", express.root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"^Hello$.*^Good day$.*^the old version serves on$\n^Good day$", done.stdout, re.DOTALL | re.MULTILINE
    )
    assert "the new version does not load" in done.stderr
    assert "broken" in done.stdout  # in the log
    assert re.search(r"^stopped, pid \d+$", done.stdout, re.MULTILINE)
