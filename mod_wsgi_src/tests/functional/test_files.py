# SPDX-License-Identifier: Apache-2.0
"""wsgi.file_wrapper: by descriptor where there is a file, by iteration elsewhere."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from harness.server import Httpd
from harness.waiting import until

CONTENT = os.urandom(300000)


@pytest.fixture(scope="module")
def file(lab: Httpd) -> Path:
    path = lab.data / "content"
    path.write_bytes(CONTENT)
    return path


def test_a_file_has_its_length(lab: Httpd, file: Path) -> None:
    response = lab.get(f"/files/plain?file={file}")
    assert response.body == CONTENT
    assert response.get("Content-Length") == str(len(CONTENT))


@pytest.mark.parametrize("offset", [1, 65536, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 10])
def test_B19_it_begins_where_the_file_stands(lab: Httpd, file: Path, offset: int) -> None:
    response = lab.get(f"/files/plain?file={file}&offset={offset}")
    assert response.complete
    assert response.body == CONTENT[offset:]


@pytest.mark.parametrize("offset", [0, 1000])
def test_a_smaller_length_is_honoured(lab: Httpd, file: Path, offset: int) -> None:
    with lab.connect() as connection:
        connection.request("GET", f"/files/plain?file={file}&offset={offset}&length=5000")
        response = connection.response()
        assert (response.body, response.complete) == (CONTENT[offset : offset + 5000], True)
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


def test_a_longer_length_is_a_visible_error(lab: Httpd, file: Path) -> None:
    response = lab.get(f"/files/plain?file={file}&length={len(CONTENT) + 1}")
    assert response.status == 500 or not response.complete


def test_head(lab: Httpd, file: Path) -> None:
    response = lab.get(f"/files/plain?file={file}", method="HEAD")
    assert (response.status, response.get("Content-Length")) == (200, str(len(CONTENT)))


def test_an_empty_file(lab: Httpd) -> None:
    empty = lab.data / "empty"
    empty.touch()
    response = lab.get(f"/files/plain?file={empty}")
    assert (response.status, response.body, response.complete) == (200, b"", True)


def test_an_object_without_a_descriptor(lab: Httpd) -> None:
    before = int(lab.get("/files/closed").text)
    assert lab.get("/files/memory").body == b"memory" * 1000
    until(lambda: int(lab.get("/files/closed").text) == before + 1, "the file-like object was closed once")


def test_B19_a_pipe_is_read_to_its_end(lab: Httpd) -> None:
    assert lab.get("/files/pipe").body == b"through a pipe"


def test_attributes_and_close(lab: Httpd, file: Path) -> None:
    assert lab.get(f"/files/attributes?file={file}").text == "(True, 1234)True"


def test_it_is_an_iterable(lab: Httpd, file: Path) -> None:
    assert lab.get(f"/files/item?file={file}").body == CONTENT


def test_enable_sendfile(serve: Callable[..., Httpd]) -> None:
    server = serve("files.py", "WSGIEnableSendfile On\nEnableSendfile On\nEnableMMAP Off\n")
    path = server.data / "content"
    path.write_bytes(CONTENT)
    assert server.get(f"/plain?file={path}").body == CONTENT
    assert server.get(f"/plain?file={path}&offset=299999").body == CONTENT[299999:]
