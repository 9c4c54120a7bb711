# SPDX-License-Identifier: Apache-2.0
"""The instance is there for its unit and its module; the tests bring applications of their own."""


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
