# SPDX-License-Identifier: Apache-2.0
"""Runs in the virtual environment under test: renders many command lines in one process. httpd checks each, unless
the argument --unchecked is given.

Standard input: JSON list of word lists. Standard output: JSON list of {"files": {name: text}} or {"error": text}.
"""

from __future__ import annotations

import functools
import json
import sys

from mod_wsgi.express import cli, httpd, preflight
from mod_wsgi.express.errors import ExpressError
from mod_wsgi.express.files import render

httpd._ask = functools.lru_cache(httpd._ask)  # one httpd, asked for its version once


def result(words: list[str], check: bool) -> dict[str, object]:
    try:
        model = cli.make_model(cli.parse(["setup-server", *words]), repair=True)
        if check:
            preflight.check_configuration(model)
    except ExpressError as error:
        return {"error": str(error)}
    return {"files": {file.path.name: file.text for file in render(model)}}


if __name__ == "__main__":
    check = "--unchecked" not in sys.argv
    json.dump([result(words, check) for words in json.load(sys.stdin)], sys.stdout)
