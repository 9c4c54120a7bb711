# SPDX-License-Identifier: Apache-2.0
"""PEP 3333, the way out: start_response, write, iterables, close, streaming, and what is refused."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from harness.client import Connection
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


def test_exc_info_before_output_replaces_the_head(lab: Httpd) -> None:
    response = lab.get("/responses/late_error")
    assert (response.status, response.reason, response.body) == (500, "Noticed", b"replaced")
    assert response.all("X-First") == []


def test_keep_alive(lab: Httpd) -> None:
    with lab.connect() as connection:
        for path, body in (("hello", b"Hello World!"), ("pieces", b"abc"), ("writes", b"one two three four")) * 3:
            connection.request("GET", f"/responses/{path}")
            assert connection.response().body == body


def test_pipelined_requests_are_answered_in_order(lab: Httpd) -> None:
    with lab.connect() as connection:
        for number in range(1, 21):
            connection.request("GET", f"/responses/many_small?n={number}")
        for number in range(1, 21):
            assert connection.response().text == "".join(f"{i}," for i in range(number))


def test_head_has_no_body(lab: Httpd) -> None:
    with lab.connect() as connection:
        connection.request("HEAD", "/responses/hello")
        response = connection.response("HEAD")
        assert (response.status, response.get("Content-Length")) == (200, "12")
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_statuses_without_a_body(lab: Httpd, status: str) -> None:
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


# --- Content-Length ---


def test_bytes_beyond_the_length_are_dropped(lab: Httpd) -> None:
    with lab.connect() as connection:
        connection.request("GET", "/responses/surplus")
        response = connection.response()
        assert (response.body, response.complete) == (b"1234", True)
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"


def test_a_short_body_is_visible(lab: Httpd) -> None:
    response = lab.get("/responses/short")
    assert response.body in (b"only this", b"")
    assert response.status == 500 or not response.complete


# --- close() ---


def test_close_is_called_once(lab: Httpd) -> None:
    assert lab.get("/responses/counted?n=ordinary").body == b"ab"
    until(lambda: closes(lab, "ordinary") == 1, "close() was called once")


def test_close_after_an_exception_in_iteration(lab: Httpd) -> None:
    assert not lab.get("/responses/raises_in_iteration?n=iteration").complete
    until(lambda: closes(lab, "iteration") == 1, "close() was called once")


def test_close_after_an_exception_before_output(lab: Httpd) -> None:
    assert lab.get("/responses/raises_before_first?n=first").status == 500
    until(lambda: closes(lab, "first") == 1, "close() was called once")


def test_an_exception_in_close_is_logged_only(lab: Httpd) -> None:
    mark = len(lab.log())
    response = lab.get("/responses/raises_in_close?n=bad")
    assert (response.status, response.body, response.complete) == (200, b"whole", True)
    lab.wait_log("close failed on purpose", since=mark)
    assert closes(lab, "bad") == 1


def test_close_after_the_client_left(lab: Httpd) -> None:
    with lab.connect() as connection:
        connection.request("GET", "/responses/endless?n=left")
        assert connection.head().status == 200
        connection.chunk()
    until(lambda: closes(lab, "left") == 1, "close() was called once after the client left")


# --- what is refused ---


def exchange(lab: Httpd, path: str) -> tuple[int, str]:
    """The status, and what the error log got."""
    mark = len(lab.log())
    response = lab.get(f"/responses/{path}")
    if response.status == 500:
        lab.wait_log("Traceback|Error|error", since=mark)
    return response.status, lab.log()[mark:]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("raises", "RuntimeError: raised before start_response"),
        ("raises_after_start", "RuntimeError: raised after start_response"),
        ("starts_twice", "start_response"),
        ("never_starts", "start_response"),
        ("not_iterable", "not iterable"),
        ("item?item='text'", "bytes"),
        ("item?item=None", "bytes"),
        ("item?item=bytearray(b'x')", "bytes"),
        ("item?item=memoryview(b'x')", "bytes"),
        ("item?item=5", "bytes"),
    ],
)
def test_mistakes_are_500_and_told_once(lab: Httpd, path: str, told: str) -> None:
    status, log = exchange(lab, path)
    assert status == 500
    assert told in log
    assert log.count("Traceback (most recent call last)") <= 1


def test_system_exit_ends_the_request_only(lab: Httpd) -> None:
    before = lab.get("/responses/pid").text
    assert lab.get("/responses/exits").status == 500
    assert lab.get("/responses/pid").text == before


def wrong_head(status: str, fields: str) -> str:
    return f"head?status={quote(status)}&fields={quote(fields)}"


@pytest.mark.parametrize(
    "status",
    ["''", "'abc'", "'20 OK'", "'2000 OK'", "'99 Low'", "'100 Continue'", "'101 Switching Protocols'", "'199 x'",
     "'200 OK\\r\\nX-Injected: 1'", "'200 OK\\n'", "'200 O\\0K'", "'200 \u20ac'", "b'200 OK'", "200", "None",
     "'-20 x'", "'200OK'", "' 200 OK'", "'2\u00b20 x'"],
)  # fmt: skip
def test_wrong_status_is_refused(lab: Httpd, status: str) -> None:
    response = lab.get("/responses/" + wrong_head(status, "[]"))
    assert response.status == 500
    assert response.all("X-Injected") == []
    assert response.body != b"body"


@pytest.mark.parametrize(
    "fields",
    ["[('X', 'a\\r\\nX-Injected: 1')]", "[('X', 'a\\nX-Injected: 1')]", "[('X', 'a\\r')]", "[('X', 'a\\0b')]",
     "[('X\\r\\nX-Injected: 1\\r\\nY', 'a')]", "[('X Y', 'a')]", "[('X:', 'a')]", "[('', 'a')]", "[('X\\0', 'a')]",
     "[(b'X', 'a')]", "[('X', b'a')]", "[('X', 5)]", "[('X', None)]", "[('X', '\u20ac')]", "[('\u20ac', 'a')]",
     "[('X',)]", "[('X', 'a', 'b')]", "['XY']", "(('X', 'a'),)", "{'X': 'a'}", "None", "[['X', 'a']]",
     "[('Connection', 'close')]", "[('Transfer-Encoding', 'chunked')]", "[('transfer-encoding', 'identity')]",
     "[('Keep-Alive', 'x')]", "[('Upgrade', 'x')]", "[('Trailer', 'x')]", "[('TE', 'x')]",
     "[('Content-Length', '4'), ('Content-Length', '4')]", "[('Content-Length', '4'), ('content-length', '5')]",
     "[('Content-Length', 'x')]", "[('Content-Length', '-1')]", "[('Content-Length', '+4')]",
     "[('Content-Length', '4, 4')]", "[('Content-Length', '')]", "[('Content-Length', '9' * 30)]"],
)  # fmt: skip
def test_wrong_fields_are_refused(lab: Httpd, fields: str) -> None:
    response = lab.get("/responses/" + wrong_head("'200 OK'", fields))
    assert response.status == 500
    assert response.all("X-Injected") == []
    assert response.body != b"body"


@pytest.mark.parametrize("status", ["'200 OK'", "'200 '", "'600 Odd'", "'999 x'", "'404 Nicht gefunden \xe4'"])
def test_unusual_status_passes(lab: Httpd, status: str) -> None:
    response = lab.get("/responses/" + wrong_head(status, "[]"))
    assert response.status == int(status[1:4])
    assert response.body == b"body"


# --- a response that cannot be finished is never taken for a whole one ---


@pytest.mark.parametrize("path", ["raises_in_iteration?n=x", "raises_with_length", "exc_info_too_late"])
def test_a_cut_response_is_visible(lab: Httpd, path: str) -> None:
    mark = len(lab.log())
    with lab.connect() as connection:
        connection.request("GET", f"/responses/{path}")
        response = connection.response()
        assert response.status == 200
        assert not response.complete
        assert connection.closed_by_server()
    lab.wait_log("failed on purpose|noticed too late", since=mark)


def test_a_cut_http_1_0_response_is_visible(lab: Httpd) -> None:
    """Without length or chunks only a reset tells."""
    with Connection(lab.port) as connection:
        connection.request("GET", "/responses/raises_in_iteration?n=old", version="HTTP/1.0")
        with pytest.raises(ConnectionResetError):
            connection.drain()
