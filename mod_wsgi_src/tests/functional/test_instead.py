# SPDX-License-Identifier: Apache-2.0
"""What goes to the client instead of an application's response: Apache's error documents, and other resources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.server import Httpd

APP = """
import urllib.parse

def application(environ, start_response):
    query = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    if "location" in query:
        headers.append(("Location", query["location"]))
    if "challenge" in query:
        headers.append(("WWW-Authenticate", 'Basic realm="of the application"'))
    start_response(query["status"], headers)
    return [b"body of the application"]

def loop(environ, start_response):
    start_response("200 OK", [("Location", environ["SCRIPT_NAME"])])
    return []

def echo(environ, start_response):
    start_response(environ.get("REDIRECT_STATUS", "200") + " Again", [("Content-Type", "text/plain")])
    names = ("REQUEST_METHOD", "CONTENT_LENGTH", "REDIRECT_URL", "REDIRECT_QUERY_STRING", "QUERY_STRING")
    return [repr([environ.get(name) for name in names]).encode() + environ["wsgi.input"].read()]
"""
CONFIG = """
Alias /static {data}
WSGIScriptAlias /override {apps}/instead.py
WSGIScriptAlias /plain {apps}/instead.py
WSGIScriptAlias /loop {apps}/instead.py callable-object=loop
WSGIScriptAlias /echo {apps}/instead.py callable-object=echo
WSGIScriptAlias /documents {apps}/instead.py callable-object=echo
<Location /override>
    WSGIErrorOverride On
    ErrorDocument 404 "document for 404"
    ErrorDocument 503 /static/page.txt
    ErrorDocument 500 /documents/500
</Location>
"""


@pytest.fixture(scope="module")
def server(mode: str, module_path: Path) -> Iterator[Httpd]:
    config = "WSGIApplicationGroup %{GLOBAL}\n"
    if mode == "daemon":
        config += "WSGIDaemonProcess app processes=1 threads=4\nWSGIProcessGroup app\n"
    server = Httpd(module_path)
    try:
        server.app("instead.py", APP)
        (server.data / "page.txt").write_text("a static page")
        server.configure(config + CONFIG)
        server.start()
        yield server
    finally:
        server.dispose()


# --- WSGIErrorOverride ---


@pytest.mark.parametrize(
    ("status", "body"),
    [
        ("404%20Not%20Found", "document for 404"),
        ("503%20Busy", "a static page"),
        ("500%20Oops", "['GET', None, '/override', 'status=500%20Oops', '']"),
    ],
)
def test_error_override(server: Httpd, status: str, body: str) -> None:
    """WSGIErrorOverride On: Apache's document, under the application's status. A document that is an application itself
    finds that status in REDIRECT_STATUS."""
    response = server.get(f"/override?status={status}")
    assert (response.status, response.text, response.complete) == (int(status[:3]), body, True)
    response = server.get(f"/plain?status={status}")
    assert (response.status, response.text) == (int(status[:3]), "body of the application")
    response = server.get(f"/override?status={status}", method="HEAD")
    assert (response.status, response.body) == (int(status[:3]), b"")


def test_error_override_leaves_what_is_no_error(server: Httpd) -> None:
    for status in ("200%20OK", "302%20Found", "201%20Created"):
        assert server.get(f"/override?status={status}").text == "body of the application"


def test_error_override_keeps_the_challenge(server: Httpd) -> None:
    response = server.get("/override?status=401%20No&challenge=1")
    assert (response.status, response.all("WWW-Authenticate")) == (401, ['Basic realm="of the application"'])
    assert "body of the application" not in response.text


# --- Location ---


def test_location_without_a_host(server: Httpd, mode: str) -> None:
    """In daemon mode a response of 200 can hand over to another resource of the server, such as a file."""
    response = server.get("/plain?status=200%20OK&location=/static/page.txt")
    assert response.status == 200
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    if mode == "daemon":
        assert (response.text, response.get("Location")) == ("a static page", None)
    else:
        assert (response.text, response.get("Location")) == ("body of the application", "/static/page.txt")


@pytest.mark.parametrize("location", ["http://example.org/x", "relative/x", "//example.org/x"])
def test_other_locations_are_passed_on(server: Httpd, location: str) -> None:
    response = server.get(f"/plain?status=302%20Found&location={location}")
    assert (response.status, response.text) == (302, "body of the application")
    assert response.get("Location") == location
    if not location.startswith("/"):
        response = server.get(f"/plain?status=200%20OK&location={location}")
        assert (response.status, response.get("Location")) == (200, location)


def test_a_redirect_inside_is_a_get_without_the_body(server: Httpd, mode: str) -> None:
    response = server.get("/plain?status=200%20OK&location=/echo%3Fx=1", method="POST", body=b"12345")
    assert response.status == 200
    if mode == "embedded":
        assert (response.text, response.get("Location")) == ("body of the application", "/echo?x=1")
        return
    assert response.text == "['GET', None, '/plain', 'status=200%20OK&location=/echo%3Fx=1', 'x=1']"
    response = server.get("/plain?status=200%20OK&location=/missing")
    assert response.status == 404


def test_redirects_inside_come_to_an_end(server: Httpd, mode: str) -> None:
    response = server.get("/loop")
    if mode == "embedded":
        assert (response.status, response.get("Location")) == (200, "/loop")
        return
    assert response.status == 500
    server.wait_log("AH00124")
