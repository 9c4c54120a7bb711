# SPDX-License-Identifier: Apache-2.0
"""Who may in, whom proxies speak for, and what answers for files: by requests."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import tempfile

import pytest

ACCESS = """
import hashlib

def allow_access(environ, host):
    return not environ["REQUEST_URI"].startswith("/closed")

def check_password(environ, user, password):
    return password == "secret" if user in ("anna", "otto") else None

def get_realm_hash(environ, user, realm):
    return hashlib.md5(f"{user}:{realm}:secret".encode()).hexdigest()

def groups_for_user(environ, user):
    return {"anna": ["staff"], "otto": ["guests"]}[user]
"""
SEEN = """
import json

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    names = ("REMOTE_ADDR", "REMOTE_USER", "wsgi.url_scheme", "SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED")
    return [json.dumps({name: environ.get(name) for name in names}).encode()]
"""


def basic(user: str, password: str = "secret") -> list[tuple[str, str]]:
    return [("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())]


@pytest.fixture
def scripts(express):
    (express.apps / "access.py").write_text(ACCESS)
    (express.apps / "seen.wsgi").write_text(SEEN)
    return express.apps / "access.py", express.apps / "seen.wsgi"


@pytest.mark.effect("host-access-script", "auth-user-script", "auth-group-script", "auth-group")
def test_users_groups_and_access(express, scripts):
    access, seen = scripts
    words = ["--auth-user-script", access, "--auth-group-script", access, "--auth-group", "staff"]
    server = express.start(seen, *words, "--host-access-script", access, "--server-status")
    assert server.fetch().status == 401
    assert 'Basic realm="localhost"' in server.fetch().get("WWW-Authenticate")
    assert server.fetch("/", basic("anna", "wrong")).status == 401
    assert server.fetch("/", basic("otto")).status == 401
    response = server.fetch("/", basic("anna"))
    assert (response.status, json.loads(response.body)["REMOTE_USER"]) == (200, "anna")
    assert server.fetch("/closed", basic("anna")).status == 403


@pytest.mark.effect("auth-type")
def test_digest(express, scripts):
    access, seen = scripts
    server = express.start(seen, "--auth-user-script", access, "--auth-type", "Digest")
    challenge = server.fetch().get("WWW-Authenticate")
    nonce = challenge.partition('nonce="')[2].partition('"')[0]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    response = md5(f"{md5('anna:localhost:secret')}:{nonce}:00000001:c:auth:{md5('GET:/')}")
    field = (
        f'Digest username="anna", realm="localhost", nonce="{nonce}", uri="/", qop=auth, nc=00000001, cnonce="c", '
        f'response="{response}", algorithm=MD5'
    )
    found = server.fetch("/", [("Authorization", field)])
    assert (found.status, json.loads(found.body)["REMOTE_USER"]) == (200, "anna")


@pytest.mark.effect("trust-proxy", "trust-proxy-header")
def test_trusted_proxies(express, scripts):
    words = ["--trust-proxy-header", "X-Forwarded-For", "--trust-proxy-header", "X-Forwarded-Proto"]
    server = express.start(scripts[1], *words, "--trust-proxy", "127.0.0.0/8")
    headers = [("X-Forwarded-For", "192.0.2.7"), ("X-Forwarded-Proto", "https")]
    found = json.loads(server.fetch("/", headers).body)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == ("192.0.2.7", "https")
    server.stop()
    server = express.start(scripts[1], *words, "--trust-proxy", "192.0.2.1")
    found = json.loads(server.fetch("/", headers).body)
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"]) == ("127.0.0.1", "http")


def test_several_mount_points(express, scripts):
    server = express.start(scripts[1], "--mount-point", "/shop", "--mount-point", "/shop/admin")
    for url, script, path in (("/shop/a", "/shop", "/a"), ("/shop/admin/b", "/shop/admin", "/b")):
        found = json.loads(server.fetch(url).body)
        assert (found["SCRIPT_NAME"], found["PATH_INFO"]) == (script, path)
    assert server.fetch("/other").status == 404


@pytest.mark.effect("add-handler")
@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_handlers_of_files(express, scripts, mode):
    root = express.directory / "files"
    root.mkdir()
    for name in ("page.md", "plain.txt", "other.html"):
        (root / name).write_text("file")
    script = express.apps / "markdown.py"
    text = "def handle_request(environ, start_response):\n    start_response('200 OK', [])\n    return [b'one']\n"
    script.write_text(text)
    words = ["--document-root", root, "--add-handler", ".md", script, "--add-handler", "txt", scripts[1], *mode]
    server = express.start(express.apps / "hello.wsgi", *words)
    assert server.fetch("/page.md").body == b"one"
    assert json.loads(server.fetch("/plain.txt").body)["SCRIPT_NAME"] == "/plain.txt"
    assert server.fetch("/other.html").body == b"file"
    assert server.fetch("/none.md").body == b"app '' '/none.md'"
    script.write_text(text.replace("one", "two and longer"))
    assert server.fetch("/page.md").body == b"two and longer"


@pytest.mark.effect("with-cgi")
def test_cgi(express):
    root = express.directory / "files"
    root.mkdir()
    (root / "hello.cgi").write_text("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello from cgi\\n'\n")
    (root / "hello.cgi").chmod(0o755)
    server = express.start(express.apps / "hello.wsgi", "--document-root", root, "--with-cgi")
    assert server.fetch("/hello.cgi").body == b"hello from cgi\n"


@pytest.mark.effect("server-metrics", "switch-interval", "python-eggs", "python-warnings")
def test_server_metrics_and_python_settings(express):
    script = express.apps / "figures.wsgi"
    script.write_text(
        """
import json
import mod_wsgi
import os
import sys
import warnings

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    metrics = mod_wsgi.server_metrics()
    found = {
        "metrics": bool(metrics),
        "interval": sys.getswitchinterval(),
        "eggs": os.environ.get("PYTHON_EGG_CACHE"),
        "warnings": sys.warnoptions,
    }
    return [json.dumps(found).encode()]
"""
    )
    words = ["--server-metrics", "--switch-interval", "0.25", "--python-eggs", express.apps / "eggs"]
    for mode in ([], ["--embedded-mode"]):
        server = express.start(
            script, *words, *mode, "--python-warnings", "ignore", "--python-warnings", "error::UserWarning"
        )
        assert json.loads(server.fetch().body) == {
            "metrics": True,
            "interval": 0.25,
            "eggs": str(express.apps / "eggs"),
            "warnings": ["ignore", "error::UserWarning"],
        }
        server.stop()


@pytest.mark.effect("telemetry-service", "telemetry-interval", "slow-requests", "telemetry-options")
def test_telemetry(express):
    with (
        tempfile.TemporaryDirectory(prefix="wsgi-telemetry-") as name,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as collector,
    ):
        os.chmod(name, 0o755)
        collector.bind(f"{name}/socket")
        os.chmod(f"{name}/socket", 0o777)
        collector.settimeout(20)
        words = ["--telemetry-service", f"unix:{name}/socket", "--telemetry-interval", "1.5", "--slow-requests", "0.05"]
        script = express.apps / "slow.wsgi"  # runs longer than two looks at it are apart
        text = (express.apps / "hello.wsgi").read_text()
        script.write_text("import time\n" + text.replace("    start", "    time.sleep(3.4)\n    start", 1))
        server = express.start(script, *words, "--telemetry-options", "CaptureUserAgent")
        assert server.fetch("/", [("User-Agent", "tester")]).status == 200
        found = {}
        for _ in range(20):
            heard = json.loads(collector.recv(65536))
            if heard.get("user_agent") == "tester":  # the report of a slow request, with what the option adds
                found["slow"] = heard
            if heard["kind"] == "sample":
                found["sample"] = heard
            if len(found) == 2:
                break
        assert found["sample"]["sample_period"] >= 1.5


def test_paste(express, packages):
    (express.apps / "pasted.py").write_text(
        """
def factory(global_config, word):
    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [word.encode()]
    return application
"""
    )
    (express.apps / "site.ini").write_text("[app:main]\npaste.app_factory = pasted:factory\nword = from the file\n")
    words = ["--application-type", "paste", "--working-directory", express.apps, "--python-path", packages]
    assert express.start(express.apps / "site.ini", *words).fetch().body == b"from the file"
