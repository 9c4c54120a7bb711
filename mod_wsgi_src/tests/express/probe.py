# SPDX-License-Identifier: Apache-2.0
"""Runs in the virtual environment under test: renders many command lines in one process, and lets httpd check each.

Standard input: JSON list of word lists. Standard output: JSON list of {"files": {name: text}} or {"error": text}.
"""

from __future__ import annotations

import json
import sys

from mod_wsgi.express import cli, preflight
from mod_wsgi.express.errors import ExpressError
from mod_wsgi.express.files import render


def result(words: list[str]) -> dict[str, object]:
    try:
        model = cli.make_model(cli.parse(["setup-server", *words]), repair=True)
        preflight.check_configuration(model)
    except ExpressError as error:
        return {"error": str(error)}
    return {"files": {file.path.name: file.text for file in render(model)}}


if __name__ == "__main__":
    json.dump([result(words) for words in json.load(sys.stdin)], sys.stdout)
