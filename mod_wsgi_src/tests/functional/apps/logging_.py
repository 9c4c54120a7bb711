# SPDX-License-Identifier: Apache-2.0
"""Writes to the error log in every way."""

import sys
from urllib.parse import parse_qs


def application(environ, start_response):
    what = parse_qs(environ["QUERY_STRING"])
    text = what.get("text", [""])[0]
    errors = environ["wsgi.errors"]
    how = environ["PATH_INFO"].strip("/")
    if how == "errors":
        errors.write(text)
        errors.flush()
    elif how == "unflushed":
        errors.write(text)
    elif how == "writelines":
        errors.writelines([text, " and ", "more\n"])
    elif how == "print":
        print(text)
    elif how == "stderr":
        sys.stderr.write(text + "\n")
    elif how == "long":
        errors.write("x" * int(text) + "\n")
    elif how == "raise":
        raise RuntimeError(text)
    elif how == "fileno":
        try:
            errors.fileno()
        except OSError:
            text = "OSError"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode("latin-1", "replace")]
