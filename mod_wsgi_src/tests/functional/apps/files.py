# SPDX-License-Identifier: Apache-2.0
"""Answers with files by wsgi.file_wrapper."""

import io
import os
from urllib.parse import parse_qs

closed = 0


class Counted:
    """A file-like object without a descriptor, whose close() is counted."""

    def __init__(self, data):
        self.stream = io.BytesIO(data)

    def read(self, size=-1):
        return self.stream.read(size)

    def close(self):
        global closed
        closed += 1


def application(environ, start_response):
    query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    wrapper = environ["wsgi.file_wrapper"]
    fields = [("Content-Type", "application/octet-stream")]
    if "length" in query:
        fields.append(("Content-Length", query["length"]))
    kind = environ["PATH_INFO"].strip("/")
    if kind == "closed":
        start_response("200 OK", fields)
        return [str(closed).encode()]
    start_response("200 OK", fields)
    if kind == "memory":
        return wrapper(Counted(b"memory" * 1000), 100)
    if kind == "pipe":
        reader, writer = os.pipe()
        os.write(writer, b"through a pipe")
        os.close(writer)
        return wrapper(os.fdopen(reader, "rb"))
    stream = open(query["file"], "rb")  # noqa: SIM115 - the server closes it
    stream.seek(int(query.get("offset", "0")))
    if kind == "attributes":
        wrapped = wrapper(stream, 1234)
        result = [repr((wrapped.filelike is stream, wrapped.blksize)).encode()]
        wrapped.close()
        return [*result, repr(stream.closed).encode()]
    if kind == "item":
        return (block for block in wrapper(stream))
    return wrapper(stream)
