# SPDX-License-Identifier: Apache-2.0
"""Real applications, unchanged, through start-server in both modes."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

MODES = pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])


@MODES
def test_flask(express, packages, mode):
    (express.apps / "flask_site.py").write_text(
        """
from flask import Flask, Response, jsonify, request

app = Flask(__name__)

@app.route("/hello/<name>")
def hello(name):
    return jsonify(name=name, query=request.args.get("q"), scheme=request.scheme)

@app.post("/upload")
def upload():
    return {"name": request.files["file"].filename, "size": len(request.files["file"].read())}

@app.route("/stream")
def stream():
    return Response((f"{number}\\n" for number in range(1000)), mimetype="text/plain")
"""
    )
    words = ["--application-type", "module", "--working-directory", express.apps, "--python-path", packages]
    server = express.start("flask_site:app", *words, *mode)
    assert json.loads(server.fetch("/hello/w%C3%B6rld?q=1").body) == {"name": "wörld", "query": "1", "scheme": "http"}
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="f.bin"\r\n\r\n'
        + b"x" * 100000
        + b"\r\n--b--\r\n"
    )
    found = server.fetch("/upload", [("Content-Type", "multipart/form-data; boundary=b")], "POST", body)
    assert json.loads(found.body) == {"name": "f.bin", "size": 100000}
    stream = server.fetch("/stream")
    assert stream.complete
    assert stream.body == b"".join(b"%d\n" % number for number in range(1000))
    assert server.fetch("/none").status == 404


def django_project(express, packages):
    site = express.directory / "django"
    admin = [express.venv / "bin" / "python", "-m", "django", "startproject", "shop", site]
    site.mkdir()
    subprocess.run(admin, check=True, cwd=express.directory, env={**os.environ, "PYTHONPATH": str(packages)})
    with (site / "shop" / "settings.py").open("a") as settings:
        settings.write('DEBUG = False\nALLOWED_HOSTS = ["localhost"]\nSTATIC_ROOT = BASE_DIR / "static"\n')
        settings.write('SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"\n')
    with (site / "shop" / "urls.py").open("a") as urls:
        urls.write(
            """
from django.http import JsonResponse

def form(request):
    request.session["n"] = request.session.get("n", 0) + 1
    return JsonResponse({"n": request.session["n"], "path": request.path, "root": request.META["SCRIPT_NAME"]})

urlpatterns.append(path("form/", form))
"""
        )
    manage = [express.venv / "bin" / "python", site / "manage.py", "collectstatic", "--no-input"]
    subprocess.run(manage, check=True, env={**os.environ, "PYTHONPATH": str(packages)}, stdout=subprocess.DEVNULL)
    return site


@MODES
def test_django(express, packages, mode):
    site = django_project(express, packages)
    words = ["--application-type", "module", "--working-directory", site, "--python-path", packages]
    server = express.start("shop.wsgi", *words, "--url-alias", "/static", site / "static", *mode)
    assert "Log in" in server.fetch("/admin/login/").text
    assert server.fetch("/static/admin/css/base.css").get("Content-Type") == "text/css"
    first = server.fetch("/form/")
    assert json.loads(first.body) == {"n": 1, "path": "/form/", "root": ""}
    cookie = first.get("Set-Cookie").partition(";")[0]
    assert json.loads(server.fetch("/form/", [("Cookie", cookie)]).body)["n"] == 2
    assert server.fetch("/form").status == 301


def test_django_command(express, packages):
    """manage.py runmodwsgi: application, directory and static files follow from the settings."""
    site = django_project(express, packages)
    with (site / "shop" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS.append("mod_wsgi.server")\nSTATIC_URL = "/static/"\n')
    manage = [str(express.venv / "bin" / "python"), str(site / "manage.py"), "runmodwsgi"]
    express.command = lambda _, *words: [*manage, *map(str, words)]
    server = express.start("--python-path", packages, "--threads", 3, env={"PYTHONPATH": str(packages)})
    assert json.loads(server.fetch("/form/").body)["path"] == "/form/"
    assert server.fetch("/static/admin/css/base.css").get("Content-Type") == "text/css"
    assert "threads=3" in express.conf()
    done = subprocess.run(
        [*manage, "--thraeds", "3"], env={**express.env, "PYTHONPATH": str(packages)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, "did you mean --threads?" in done.stderr) == (2, True)


@MODES
def test_webdav(express, packages, mode):
    share = express.directory / "share"
    share.mkdir()
    share.chmod(0o777)
    (express.apps / "dav.wsgi").write_text(
        f"""
from wsgidav.wsgidav_app import WsgiDAVApp

application = WsgiDAVApp({{
    "provider_mapping": {{"/": {str(share)!r}}},
    "simple_dc": {{"user_mapping": {{"*": True}}}},
    "http_authenticator": {{"accept_basic": True}},
    "verbose": 1,
    "logging": {{"enable": False}},
}})
"""
    )
    server = express.start(express.apps / "dav.wsgi", "--python-path", packages, "--chunked-request", *mode)
    assert server.fetch("/folder", method="MKCOL").status == 201
    content = bytes(range(256)) * 4096
    assert server.fetch("/folder/file.bin", method="PUT", body=content).status == 201
    assert server.fetch("/folder/file.bin").body == content
    part = server.fetch("/folder/file.bin", [("Range", "bytes=256-511")])
    assert (part.status, part.body) == (206, bytes(range(256)))
    listing = server.fetch("/folder", [("Depth", "1")], "PROPFIND")
    assert listing.status == 207
    assert b"/folder/file.bin" in listing.body
    destination = [("Destination", f"http://localhost:{express.port}/moved.bin"), ("Host", f"localhost:{express.port}")]
    assert server.fetch("/folder/file.bin", destination, "MOVE").status == 201
    chunked = [("Transfer-Encoding", "chunked")]
    assert server.fetch("/chunked.txt", chunked, "PUT", b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n").status == 201
    assert server.fetch("/chunked.txt").body == b"hello!"
    assert server.fetch("/folder", method="DELETE").status == 204
    assert "PROPFIND" in server.fetch("/", method="OPTIONS").get("Allow")
    assert sorted(path.name for path in share.iterdir()) == ["chunked.txt", "moved.bin"]
