# SPDX-License-Identifier: Apache-2.0
"""HTTPS: certificates, redirects, client certificates; and HTTP/2."""

from __future__ import annotations

import json
import re
import shutil
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest
from harness.ports import free_port
from harness.waiting import until

NAME = "www.example.com"


class Https:
    """A server with a certificate for NAME, and a client that trusts it."""

    def __init__(self, express, *words, app="variables.wsgi"):
        self.port = free_port()
        self.certificate = express.certificate("pair", NAME)
        pair = ["--https-port", self.port, "--ssl-certificate", express.apps / "pair"]
        self.server = express.start(express.apps / app, "--server-name", NAME, *pair, *words)
        self.context = ssl.create_default_context(cafile=str(self.certificate))

        def listens() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        until(listens, f"the port of HTTPS\n{self.server.text()}")

    def get(self, path: str = "/", host: str = NAME) -> tuple[int, dict[str, str], bytes]:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        with plain, self.context.wrap_socket(plain, server_hostname=NAME) as secure:
            secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while piece := secure.recv(65536):
                data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:]), body


@pytest.mark.effect("https-port", "ssl-certificate")
def test_https_beside_http(express):
    site = Https(express)
    status, fields, body = site.get()
    assert status == 200
    assert json.loads(body)["os"]["MOD_WSGI_SERVER_NAME"] == NAME
    assert "strict-transport-security" not in fields
    assert site.get(host="other.example.com")[0] == 403
    assert site.server.fetch(headers=[("Host", NAME)]).status == 200
    assert f"https://{NAME}:{site.port}/" in site.server.output.read_text()


@pytest.mark.effect("ssl-certificate-file", "ssl-certificate-key-file")
def test_https_without_a_server_name(express):
    port = free_port()
    certificate = express.certificate("pair")
    pair = ["--ssl-certificate-file", certificate, "--ssl-certificate-key-file", certificate.with_suffix(".key")]
    express.start(express.apps / "hello.wsgi", "--https-port", port, *pair)
    context = ssl.create_default_context(cafile=str(certificate))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    assert opener.open(f"https://localhost:{port}/x", timeout=30).read() == b"app '' '/x'"


@pytest.mark.effect("https-only", "hsts-policy")
def test_https_only(express):
    site = Https(express, "--https-only", "--hsts-policy", "max-age=60; includeSubDomains")
    moved = site.server.fetch("/page?q=1", headers=[("Host", NAME)])
    assert (moved.status, moved.get("Location")) == (301, f"https://{NAME}:{site.port}/page?q=1")
    parent = site.server.fetch("/", headers=[("Host", "example.com")])
    assert parent.get("Location") == f"https://{NAME}:{site.port}/"
    status, fields, _ = site.get()
    assert (status, fields["strict-transport-security"]) == (200, "max-age=60; includesubdomains")


@pytest.mark.effect("ssl-environment")
def test_environment_of_https(express):
    (express.apps / "tls.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [f\"{environ['wsgi.url_scheme']} {environ.get('SSL_PROTOCOL', 'none')}\".encode()]\n"
    )
    site = Https(express, "--ssl-environment", app="tls.wsgi")
    assert site.get()[2] == b"https TLSv1.3"
    assert site.server.fetch(headers=[("Host", NAME)]).body == b"http none"


@pytest.mark.effect("ssl-verify-client")
def test_client_certificates_for_a_part(express):
    client = express.certificate("client", "client")
    site = Https(express, "--ssl-ca-certificate-file", client, "--ssl-verify-client", "/inner", app="hello.wsgi")
    assert site.get("/outer")[0] == 200
    with pytest.raises((ssl.SSLError, ConnectionError, IndexError, ValueError)):
        site.get("/inner")
    site.context.load_cert_chain(client, client.with_suffix(".key"))
    assert site.get("/inner/x")[2] == b"app '' '/inner/x'"


@pytest.mark.effect("ssl-ca-certificate-file")
def test_client_certificates_for_all(express):
    client = express.certificate("client", "client")
    site = Https(express, "--ssl-ca-certificate-file", client, app="hello.wsgi")
    with pytest.raises((ssl.SSLError, ConnectionError, IndexError, ValueError)):
        site.get("/")
    site.context.load_cert_chain(client, client.with_suffix(".key"))
    assert site.get("/x")[2] == b"app '' '/x'"


@pytest.mark.effect("http2")
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_http2(express):
    conf = express.rendered(express.apps / "hello.wsgi")
    if not Path(re.search(r'"MOD_WSGI_MODULES_DIRECTORY" "(.*)"', conf)[1], "mod_http2.so").exists():
        line = express.refused(express.apps / "hello.wsgi", "--http2", code=1)
        assert "has no mod_http2, which --http2 needs" in line
        return
    server = express.start(express.apps / "hello.wsgi", "--http2")
    command = ["curl", "-s", "--http2-prior-knowledge", "-w", " %{http_version}", f"http://127.0.0.1:{server.port}/x"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "app '' '/x' 2"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--https-port", "8443"], "--https-port: needs a certificate and its key"),
        (["--https-port", "8443", "--ssl-certificate", "{D}/none"], "none.crt' does not exist"),
        (["--ssl-certificate-file", "{D}/hello.wsgi"], "has no effect without --https-port"),
        (["--https-only", "--server-name", "a.example.com"], "--https-only: has no effect without --https-port"),
        (["--http2", "--server-mpm", "prefork"], "--http2: the prefork MPM does not speak it"),
    ],
)
def test_wrong_words(express, words, expected):
    line = express.refused(express.apps / "hello.wsgi", *[word.format(D=express.apps) for word in words])
    assert expected in line


def test_a_certificate_of_another_key_is_refused(express):
    crt, key = express.certificate("one"), express.certificate("two").with_suffix(".key")
    words = ["--https-port", 8443, "--ssl-certificate-file", crt, "--ssl-certificate-key-file", key]
    line = express.refused(express.apps / "hello.wsgi", *words, code=1)
    assert f"--https-port: '{crt}' and '{key}' are not a certificate and its key" in line


def test_a_key_with_a_passphrase_is_left_to_httpd(express):
    """Nothing asks for it before."""
    crt = express.certificate("one")
    plain, key = crt.with_suffix(".key"), express.apps / "locked.key"
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:secret", "-in", plain, "-out", key]
    subprocess.run(command, check=True, capture_output=True)
    words = ["--https-port", 8443, "--ssl-certificate-file", crt, "--ssl-certificate-key-file", key]
    express.setup(express.apps / "hello.wsgi", *words)
