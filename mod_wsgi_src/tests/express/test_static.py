# SPDX-License-Identifier: Apache-2.0
"""What httpd serves by itself, and what it hands to other servers."""

from __future__ import annotations

import socket
import threading

import pytest


@pytest.fixture
def site(express):
    directory = express.directory / "site"
    (directory / "with").mkdir(parents=True)
    (directory / "without").mkdir()
    (directory / "style.css").write_text("body {}")
    (directory / "with" / "index.html").write_text("index")
    (directory / "without" / "one.txt").write_text("one")
    return directory


@pytest.mark.effect("document-root")
def test_document_root(express, site):
    server = express.start(express.apps / "hello.wsgi", "--document-root", site)
    found = server.fetch("/style.css")
    assert (found.body, found.get("Content-Type")) == (b"body {}", "text/css")
    assert server.fetch("/").body == b"app '' '/'"
    assert server.fetch("/missing.css").body == b"app '' '/missing.css'"
    assert server.fetch("/with/").body == b"app '' '/with/'"
    assert server.fetch("/%2e%2e/apps/hello.wsgi").status == 400
    assert server.fetch("/with/%2e%2e/style.css").body == b"body {}"


@pytest.mark.effect("directory-index")
def test_directory_index(express, site):
    server = express.start(express.apps / "hello.wsgi", "--document-root", site, "--directory-index", "index.html")
    assert server.fetch("/with/").body == b"index"
    assert server.fetch("/with").status == 301
    assert server.fetch("/without/").body == b"app '' '/without/'"


@pytest.mark.effect("url-alias")
def test_aliases(express, site):
    words = ["--url-alias", "/files", site, "--url-alias", "/files/special", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, "--url-alias", "/robots.txt", site / "style.css")
    assert server.fetch("/files/style.css").body == b"body {}"
    assert server.fetch("/files/missing").status == 404
    assert server.fetch("/files/without/").status == 404
    assert server.fetch("/robots.txt").body == b"body {}"
    assert b"service script" in server.fetch("/files/special").body
    assert server.fetch("/filesystem").body == b"app '' '/filesystem'"


@pytest.mark.effect("directory-listing")
def test_directory_listing_of_an_alias(express, site):
    server = express.start(express.apps / "hello.wsgi", "--url-alias", "/files", site, "--directory-listing")
    assert "one.txt" in server.fetch("/files/without/").text
    assert server.fetch("/").body == b"app '' '/'"


def test_static_site(express, site):
    server = express.start(site, "--application-type", "static", "--directory-index", "index.html")
    assert server.fetch("/style.css").body == b"body {}"
    assert server.fetch("/with/").body == b"index"
    assert server.fetch("/missing").status == 404
    assert server.fetch("/without/").status == 404


@pytest.mark.effect("error-document")
def test_error_document(express, site):
    words = ["--url-alias", "/pages", site, "--error-document", "404", "/pages/style.css", "--mount-point", "/shop"]
    server = express.start(express.apps / "hello.wsgi", *words)
    found = server.fetch("/missing")
    assert (found.status, found.body) == (404, b"body {}")


@pytest.mark.effect("error-override")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_error_pages_instead_of_those_of_the_application(express, site, mode):
    (express.apps / "missing.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('404 Not Found', [('Content-Type', 'text/plain')])\n"
        "    return [b'mine']\n"
    )
    words = [express.apps / "missing.wsgi", "--url-alias", "/pages", site, *mode]
    words += ["--error-document", "404", "/pages/style.css"]
    server = express.start(*words)
    assert server.fetch("/x").body == b"mine"
    server.stop()
    found = express.start(*words, "--error-override").fetch("/x")
    assert (found.status, found.body) == (404, b"body {}")


@pytest.mark.effect("proxy-mount-point", "proxy-virtual-host")
def test_proxied_servers(express, make_express):
    other = make_express()
    backend = other.start(other.apps / "hello.wsgi")
    url = f"http://127.0.0.1:{backend.port}/"
    words = ["--proxy-mount-point", "/other", f"{url}base", "--proxy-virtual-host", "other.example.com", url]
    server = express.start(express.apps / "variables.wsgi", *words)
    assert server.fetch("/other/x").body == b"app '' '/base/x'"
    assert server.fetch("/other").status == 301
    assert server.fetch("/x", headers=[("Host", "other.example.com")]).body == b"app '' '/x'"
    assert server.environ()["MOD_WSGI_EXPRESS"] == "true"


@pytest.mark.effect("compress-responses")
def test_compressed_responses(express):
    (express.apps / "long.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/html')])\n"
        "    return [b'x' * 10000]\n"
    )
    server = express.start(express.apps / "long.wsgi", "--compress-responses")
    found = server.fetch("/", [("Accept-Encoding", "gzip")])
    assert found.get("Content-Encoding") == "gzip"
    assert len(found.body) < 1000
    assert server.fetch().body == b"x" * 10000


def test_headers_tell_little(express):
    found = express.start(express.apps / "hello.wsgi").fetch()
    assert found.get("Server") == "Apache"


def test_authorization_reaches_the_application(express):
    (express.apps / "who.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [environ.get('HTTP_AUTHORIZATION', 'none').encode()]\n"
    )
    server = express.start(express.apps / "who.wsgi")
    assert server.fetch("/", [("Authorization", "Bearer abc")]).body == b"Bearer abc"


def test_websocket_behind_a_mount_point(express):
    """The connection is handed on both ways once the other server has agreed."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(5)
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(4096)
                agree = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                connection.sendall(agree if b"pgrade: websocket" in head else b"HTTP/1.1 400 no\r\n\r\n")
                while data := connection.recv(4096):
                    connection.sendall(data.upper())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        words = ["--proxy-mount-point", "/socket/", f"http://127.0.0.1:{port}/"]
        express.start(express.apps / "hello.wsgi", *words)
        with socket.create_connection(("127.0.0.1", express.port), timeout=15) as client:
            client.sendall(b"GET /socket/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101"), answer
            client.sendall(b"ping")
            assert client.recv(100) == b"PING"
        thread.join(15)
