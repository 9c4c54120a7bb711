# SPDX-License-Identifier: Apache-2.0
"""Applications that break the rules: what their client sees, what the log says, and that nobody else suffers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from harness.client import Response
from harness.server import Httpd
from harness.waiting import until
from harness.wrong_heads import FRAMING, INJECTIONS, LENGTHS, STATUSES

REPORT = re.compile(r"^\[[^\n]*\[wsgi:(?:error|crit)\][^\n]*MWS\d{4}[^\n]*", re.MULTILINE)
CONTENT = os.urandom(300000)


@pytest.fixture(autouse=True)
def unharmed(lab: Httpd) -> Iterator[None]:
    """After each of them the same processes serve."""
    before = lab.get("/responses/pid").text
    yield
    assert lab.get("/responses/hello", timeout=5).status == 200
    assert lab.get("/responses/pid").text == before


def reports(lab: Httpd, mark: int) -> list[str]:
    """The errors that the log got, each with its traceback counted once."""
    return REPORT.findall(lab.log()[mark:])


def one_report(lab: Httpd, mark: int, told: str) -> None:
    lab.wait_log(told, since=mark)
    assert len(reports(lab, mark)) == 1, lab.log()[mark:]
    assert lab.log()[mark:].count("Traceback (most recent call last)") <= 1


def count(lab: Httpd, name: str) -> int:
    return int(lab.get(f"/unkind/count?n={quote(name)}").text)


def closed_once(lab: Httpd, name: str) -> None:
    until(lambda: count(lab, f"{name} closed") > 0, "close() was called")
    assert count(lab, f"{name} closed") == 1


def in_step(lab: Httpd, path: str, method: str = "GET") -> Response:
    """The response, after which the connection is closed or carries a right one."""
    with lab.connect() as connection:
        connection.request(method, f"/unkind/{path}")
        response = connection.response(method)
        if response.complete and response.get("Connection") != "close":
            connection.request("GET", "/responses/hello")
            assert connection.response().body == b"Hello World!"
        else:
            assert connection.closed_by_server()
    return response


# --- exceptions ---


@pytest.mark.parametrize("place", ["entry", "start", "first"])
def test_B1_raise_before_data(lab: Httpd, place: str) -> None:
    mark, name = len(lab.log()), f"B1-{lab.port}-{place}"
    assert in_step(lab, f"raises?at={place}&n={name}").status == 500
    one_report(lab, mark, "RuntimeError: failed on purpose")
    if place == "first":
        closed_once(lab, name)


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("place", ["later", "length", "write"])
def test_B2_raise_in_iteration_cuts_the_connection(lab: Httpd, place: str, version: str) -> None:
    mark, name = len(lab.log()), f"B2-{lab.port}-{place}-{version[-1]}"
    with lab.connect() as connection:
        connection.request("GET", f"/unkind/raises?at={place}&n={name}", version=version)
        if version == "HTTP/1.0" and place != "length":
            with pytest.raises(ConnectionResetError):
                connection.drain()
        else:
            response = connection.response()
            assert (response.status, response.complete) == (200, False)
            assert response.body == (b"written" if place == "write" else b"something")
            assert connection.closed_by_server()
    one_report(lab, mark, "RuntimeError: failed on purpose")
    if place != "write":
        closed_once(lab, name)


def test_B3_raise_in_close(lab: Httpd) -> None:
    mark, name = len(lab.log()), f"B3-{lab.port}"
    response = in_step(lab, f"closes?n={name}&fail=yes")
    assert (response.status, response.body, response.complete) == (200, b"whole", True)
    one_report(lab, mark, "RuntimeError: close failed on purpose")
    closed_once(lab, name)


def test_B3_close_once_or_not_at_all(lab: Httpd) -> None:
    mark, name = len(lab.log()), f"B3-{lab.port}-once"
    assert in_step(lab, f"closes?n={name}").body == b"whole"
    closed_once(lab, name)
    assert in_step(lab, "without_close").body == b"whole"
    assert not reports(lab, mark)


# --- start_response and write ---


@pytest.mark.parametrize(
    ("path", "told"), [("starts_twice", "AssertionError: start_response"), ("never_starts", "AssertionError")]
)
def test_B4_start_response_twice_or_never(lab: Httpd, path: str, told: str) -> None:
    mark = len(lab.log())
    assert lab.get(f"/responses/{path}").status == 500
    one_report(lab, mark, told)


def test_B4_exc_info_before_and_after_output(lab: Httpd) -> None:
    response = in_step(lab, "late_exc_info")
    assert (response.status, response.reason, response.body) == (500, "Noticed", b"replaced")
    mark = len(lab.log())
    response = in_step(lab, "late_exc_info?sent=yes")
    assert (response.status, response.body, response.complete) == (200, b"sent", False)
    one_report(lab, mark, "ValueError: noticed")


def test_B4_write_keeps_its_place(lab: Httpd) -> None:
    assert in_step(lab, "mixed").body == b"one two three four five six"


# --- bodies ---


@pytest.mark.parametrize("item", ["'text'", "None", "bytearray(b'x')", "memoryview(b'x')", "5", "[b'x']"])
def test_B5_items_that_are_not_bytes(lab: Httpd, item: str) -> None:
    mark = len(lab.log())
    assert in_step(lab, f"item?item={quote(item)}").status == 500
    one_report(lab, mark, "TypeError: the response's body must be made of bytes")
    mark = len(lab.log())
    response = in_step(lab, f"item?item={quote(item)}&second=yes")
    assert (response.status, response.body, response.complete) == (200, b"first", False)
    one_report(lab, mark, "TypeError: the response's body must be made of bytes")


def test_B5_items_that_are_odd_and_right(lab: Httpd) -> None:
    assert in_step(lab, "empties").body == b"ab"
    assert in_step(lab, "small_ones?kind=list&n=1000000").body == b"x" * 1000000
    assert in_step(lab, "small_ones?kind=generator&n=5000").body == b"x" * 5000
    assert len(in_step(lab, "large_one?n=64").body) == 64 << 20


@pytest.mark.parametrize("kind", ["list", "generator"])
def test_B6_lengths(lab: Httpd, kind: str) -> None:
    mark = len(lab.log())
    response = in_step(lab, f"length?n=4&kind={kind}")
    assert (response.body, response.complete) == (b"1234", True)
    lab.wait_log(r"\[wsgi:warn\][^\n]*surplus was dropped", since=mark)
    mark = len(lab.log())
    response = in_step(lab, f"length?n=11&kind={kind}")
    assert (response.status, response.complete) == (200, False)
    one_report(lab, mark, "10 bytes, less than its Content-Length of 11")


@pytest.mark.parametrize("kind", ["list", "generator"])
@pytest.mark.parametrize("length", ["4", "10", "11"])
def test_B6_responses_without_a_body(lab: Httpd, kind: str, length: str) -> None:
    mark = len(lab.log())
    # httpd counts what it was given when that is all there is.
    assert in_step(lab, f"length?n={length}&kind={kind}", "HEAD").get("Content-Length") in (length, "10")
    response = in_step(lab, f"length?n={length}&kind={kind}&status=204%20No%20Content")
    assert (response.status, response.get("Content-Length"), response.body) == (204, None, b"")
    response = in_step(lab, f"length?n={length}&kind={kind}&status=304%20Not%20Modified")
    assert (response.status, response.body) == (304, b"")
    assert not reports(lab, mark)


# --- heads: none of these may leave the server ---


def refused(lab: Httpd, query: str) -> None:
    """500, told once, and not one byte of what the application gave."""
    mark = len(lab.log())
    response = in_step(lab, f"head?body=nobody&{query}")
    assert (response.status, response.all("X-Injected"), response.all("X")) == (500, [], [])
    assert b"nobody" not in response.body
    one_report(lab, mark, "raised an exception")


@pytest.mark.parametrize("fields", INJECTIONS)
def test_B7_header_injection(lab: Httpd, fields: str) -> None:
    refused(lab, f"fields={quote(fields)}")


def test_B7_large_heads(lab: Httpd, mode: str) -> None:
    many = quote("[('X-%d' % i, 'value') for i in range(2000)]")
    assert len([f for f in in_step(lab, f"head?fields={many}").fields if f[0].startswith("X-")]) == 2000
    assert in_step(lab, f"head?fields={quote('[(chr(88), chr(97) * 30000)]')}").get("X") == "a" * 30000

    mark = len(lab.log())
    assert in_step(lab, f"head?fields={quote('[(chr(88), chr(97) * 30000)] * 40')}").status == 500
    one_report(lab, mark, r"at 'X' \(30000 bytes\)")
    mark = len(lab.log())
    response = in_step(lab, f"head?fields={quote('[(chr(88), chr(97) * 65000)]')}")
    if mode == "daemon":  # header-buffer-size
        assert response.status == 500
        one_report(lab, mark, r"header field 'X' of 65000 bytes")
    else:
        assert response.get("X") == "a" * 65000


@pytest.mark.parametrize("fields", FRAMING)
def test_B8_hop_by_hop_fields(lab: Httpd, fields: str) -> None:
    refused(lab, f"fields={quote(fields)}")


@pytest.mark.parametrize("fields", LENGTHS)
def test_B6_malformed_lengths(lab: Httpd, fields: str) -> None:
    refused(lab, f"fields={quote(fields)}")


@pytest.mark.parametrize("status", STATUSES)
def test_B9_malformed_status(lab: Httpd, status: str) -> None:
    refused(lab, f"status={quote(status)}")


@pytest.mark.parametrize("status", ["'200'", "'200 '", "'600 Odd'", "'999 x'", "'404 Nicht gefunden \xe4'"])
def test_B9_unusual_status_passes(lab: Httpd, status: str) -> None:
    response = in_step(lab, f"head?status={quote(status)}")
    assert (response.status, response.body) == (int(status[1:4]), b"body")


# --- request bodies ---


@pytest.mark.parametrize("size", [1000, 65537, 5000000])
def test_B17_an_ignored_body(lab: Httpd, size: int) -> None:
    body = (b"GET /responses/pid HTTP/1.1\r\nHost: x\r\n\r\n" * (size // 30))[:size]
    with lab.connect() as connection:
        connection.request("POST", "/inputs/ignore", body=body)
        assert connection.response().text == "'ignored'"
        connection.request("GET", "/responses/hello")
        assert connection.response().body == b"Hello World!"
        assert not connection.buffer


def test_B18_a_kept_environ(lab: Httpd) -> None:
    assert lab.get("/unkind/after_the_end", method="POST", body=b"body").body == b"kept"
    expected = [*["RuntimeError"] * 5, "worked"] * 2
    assert eval(lab.get("/unkind/uses_kept").text) == expected


def test_B18_input_in_another_thread(lab: Httpd) -> None:
    response = lab.get("/unkind/other_thread?wait=yes", method="POST", body=b"x" * 500000)
    assert response.text == "500000"
    for _ in range(10):  # it reads while the request ends
        response = lab.get("/unkind/other_thread", method="POST", body=b"x" * 500000)
        assert response.status == 200


# --- wsgi.file_wrapper ---


@pytest.fixture
def file(lab: Httpd) -> Path:
    path = lab.data / "content"
    path.unlink(missing_ok=True)
    path.write_bytes(CONTENT)
    path.chmod(0o666)
    return path


def test_B19_a_file_that_shrinks(lab: Httpd, file: Path) -> None:
    response = in_step(lab, f"file?file={file}&kind=shrinks")
    if response.complete:
        assert response.body == CONTENT[:1000]
    else:
        assert CONTENT.startswith(response.body)


def test_B19_a_closed_file(lab: Httpd, file: Path) -> None:
    mark = len(lab.log())
    assert in_step(lab, f"file?file={file}&kind=closed").status == 500
    one_report(lab, mark, "ValueError: [^\n]*closed")


def test_B19_a_descriptor_that_is_none(lab: Httpd, file: Path) -> None:
    assert in_step(lab, f"file?file={file}&kind=fake").body == b"not from a descriptor"


def test_B19_a_file_without_a_name_and_an_offset(lab: Httpd, file: Path) -> None:
    assert in_step(lab, f"file?file={file}&kind=temporary").body == CONTENT
    assert in_step(lab, f"file?file={file}&offset=299000").body == CONTENT[299000:]


# --- a control: the account of reports counts ---


def test_two_failures_are_two_reports(lab: Httpd) -> None:
    mark = len(lab.log())
    for _ in range(2):
        assert lab.get("/unkind/raises?at=entry").status == 500
    until(lambda: len(reports(lab, mark)) == 2, "both are told")
