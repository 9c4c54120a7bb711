# SPDX-License-Identifier: Apache-2.0
"""An ordinary application behind the standard library's checker of both sides."""

from wsgiref.validate import validator


def simple(environ, start_response):
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"valid ", body]


application = validator(simple)
