# SPDX-License-Identifier: Apache-2.0
"""PEP 3333, the way out: start_response, write, iterables, streaming."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from harness.server import Httpd
from harness.waiting import until

BLOCK = bytes(range(256)) * 256


def closes(lab: Httpd, name: str) -> int:
    return int(lab.get(f"/responses/closes?n={name}").text)


def test_status_fields_and_body(lab: Httpd) -> None:
    response = lab.get("/responses/hello")
    assert (response.status, response.reason, response.body) == (200, "OK", b"Hello World!")
    assert response.get("Content-Type") == "text/plain"
    assert response.all("Content-Length") == ["12"]


def test_any_reason_and_status(lab: Httpd) -> None:
    response = lab.get("/responses/reason")
    assert (response.status, response.reason) == (299, "Quite Fine")


def test_doubled_fields_are_kept_in_order(lab: Httpd) -> None:
    response = lab.get("/responses/cookies")
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert ", ".join(response.all("X-Two")) == "1, 2"


def test_latin_1_in_a_field(lab: Httpd) -> None:
    assert lab.get("/responses/latin").get("X-Latin") == "caf\xe9"


@pytest.mark.parametrize(
    ("path", "body"),
    [("pieces", b"abc"), ("as_tuple", b"ab"), ("empty", b""), ("lazy", b"lazy"), ("writes", b"one two three four")],
)
def test_bodies(lab: Httpd, path: str, body: bytes) -> None:
    response = lab.get(f"/responses/{path}")
    assert (response.status, response.body, response.complete) == (200, body, True)


@pytest.mark.parametrize("path", ["big_list", "big_generator"])
@pytest.mark.parametrize("count", [1, 17, 100])
def test_large_bodies_arrive_whole(lab: Httpd, path: str, count: int) -> None:
    response = lab.get(f"/responses/{path}?n={count}")
    assert response.complete
    assert len(response.body) == count * len(BLOCK)
    assert hashlib.sha256(response.body).digest() == hashlib.sha256(BLOCK * count).digest()


def test_many_small_items(lab: Httpd) -> None:
    assert lab.get("/responses/many_small?n=3000").text == "".join(f"{i}," for i in range(3000))


def test_a_block_is_not_held_back(lab: Httpd) -> None:
    """The application goes on only after the client has seen the first block."""
    gate = lab.data / "gate"
    with lab.connect() as connection:
        connection.request("GET", f"/responses/streaming?file={gate}")
        assert connection.head().status == 200
        assert connection.chunk() == b"first"
        gate.touch()
        assert connection.chunk() == b"second"
        assert connection.chunk() == b""
    gate.unlink()


def test_keep_alive(lab: Httpd) -> None:
    with lab.connect() as connection:
        for path, body in (("hello", b"Hello World!"), ("pieces", b"abc"), ("writes", b"one two three four")) * 3:
            connection.request("GET", f"/responses/{path}")
            assert connection.response().body == body


def test_C6_pipelined_requests_are_answered_in_order(lab: Httpd) -> None:
    with lab.connect() as connection:
        for number in range(1, 21):
            connection.request("GET", f"/responses/many_small?n={number}")
        for number in range(1, 21):
            assert connection.response().text == "".join(f"{i}," for i in range(number))


def test_B6_head_has_no_body(lab: Httpd) -> None:
    with lab.connect() as connection:
        connection.request("HEAD", "/responses/hello")
        response = connection.response("HEAD")
        assert (response.status, response.get("Content-Length")) == (200, "12")
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_B6_statuses_without_a_body(lab: Httpd, status: str) -> None:
    with lab.connect() as connection:
        connection.request("GET", f"/responses/bodiless?status={quote(status)}")
        response = connection.response()
        assert f"{response.status} {response.reason}" == status
        assert response.get("Transfer-Encoding") is None
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


def test_location_is_passed_on(lab: Httpd) -> None:
    response = lab.get("/responses/redirected")
    assert (response.status, response.get("Location")) == (302, "http://example.org/x")


def test_http_1_0(lab: Httpd) -> None:
    response = lab.get("/responses/pieces", version="HTTP/1.0")
    assert (response.status, response.body, response.get("Transfer-Encoding")) == (200, b"abc", None)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_wsgiref_validator(lab: Httpd, method: str) -> None:
    response = lab.get("/validated/path?query=1", method=method, body=b"body" if method == "POST" else None)
    assert (response.status, response.body) == (200, b"valid body" if method == "POST" else b"valid ")


def test_C5_the_client_leaves_during_a_download(lab: Httpd) -> None:
    mark = len(lab.log())
    with lab.connect() as connection:
        connection.request("GET", "/responses/endless?n=left")
        assert connection.head().status == 200
        connection.chunk()
    until(lambda: closes(lab, "left") == 1, "close() was called once after the client left")
    assert "[wsgi:error]" not in lab.log()[mark:]
    assert "[wsgi:warn]" not in lab.log()[mark:]


def test_system_exit_ends_the_request_only(lab: Httpd) -> None:
    before = lab.get("/responses/pid").text
    assert lab.get("/responses/exits").status == 500
    assert lab.get("/responses/pid").text == before
