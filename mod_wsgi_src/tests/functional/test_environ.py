# SPDX-License-Identifier: Apache-2.0
"""Every key that an application finds in its environ, with its type."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
from typing import Any, Callable

import pytest
from harness.client import Headers
from harness.server import Httpd, apxs

Serve = Callable[..., Httpd]


def environ(server: Httpd, path: str = "/environment", headers: Headers = (), **options: Any) -> dict[str, Any]:
    """The environ's values; types are checked by typed()."""
    return {key: value for key, (_, value) in typed(server, path, headers, **options).items()}


def typed(
    server: Httpd, path: str = "/environment", headers: Headers = (), **options: Any
) -> dict[str, tuple[str, Any]]:
    response = server.get(path, headers, **options)
    assert response.status == 200, server.log()[-3000:]
    return json.loads(response.body)["environ"]


def test_standard_keys(lab: Httpd) -> None:
    seen = typed(lab)
    assert seen["wsgi.version"] == ["tuple", [1, 0]]
    assert seen["wsgi.url_scheme"] == ["str", "http"]
    assert seen["wsgi.run_once"] == ["bool", False]
    assert seen["wsgi.multithread"] == ["bool", True]
    assert seen["wsgi.input_terminated"] == ["bool", True]
    for key in ("wsgi.input", "wsgi.errors", "wsgi.file_wrapper", "wsgi.multiprocess"):
        assert key in seen
    assert "HTTPS" not in seen


def test_cgi_keys_are_native_strings(lab: Httpd) -> None:
    seen = typed(lab, "/environment/some/path?a=b", [("User-Agent", "test/1")])
    expected = {
        "SERVER_NAME": "localhost",
        "SERVER_PORT": str(lab.port) if seen["SERVER_PORT"][1] != "80" else "80",
        "SERVER_ADDR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "a=b",
        "REQUEST_URI": "/environment/some/path?a=b",
        "SCRIPT_NAME": "/environment",
        "PATH_INFO": "/some/path",
        "REQUEST_SCHEME": "http",
        "SCRIPT_FILENAME": str(lab.apps / "environment.py"),
        "HTTP_USER_AGENT": "test/1",
        "HTTP_HOST": "localhost",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "CONTEXT_PREFIX": "",
    }
    assert {key: seen[key][1] for key in expected} == expected
    for key in (*expected, "SERVER_SOFTWARE", "REMOTE_PORT", "DOCUMENT_ROOT", "SERVER_ADMIN", "CONTEXT_DOCUMENT_ROOT"):
        assert seen[key][0] == "str", key
    assert seen["SERVER_SOFTWARE"][1].startswith("Apache/")
    assert seen["REMOTE_PORT"][1].isdigit()


def test_nothing_private_leaks(lab: Httpd) -> None:
    assert not {"PATH", "LD_LIBRARY_PATH", "LD_PRELOAD"} & set(typed(lab))


def test_keys_of_the_server(lab: Httpd, mode: str) -> None:
    seen = typed(lab)
    group = "lab" if mode == "daemon" else ""
    assert seen["mod_wsgi.process_group"] == ["str", group]
    assert seen["mod_wsgi.application_group"] == ["str", ""]
    assert seen["mod_wsgi.callable_object"] == ["str", "application"]
    assert seen["mod_wsgi.request_handler"] == ["str", "wsgi-script"]
    assert seen["mod_wsgi.handler_script"] == ["str", ""]
    assert seen["mod_wsgi.listener_host"][0] == "str"
    assert seen["mod_wsgi.listener_port"] == ["str", str(lab.port)]
    assert seen["mod_wsgi.script_name"] == ["str", "/environment"]
    assert seen["mod_wsgi.path_info"] == ["str", ""]
    assert seen["mod_wsgi.script_reloading"] == ["str", "1"]
    assert seen["mod_wsgi.enable_sendfile"] == ["str", "0"]
    for key in ("mod_wsgi.version", "apache.version"):
        kind, value = seen[key]
        assert kind == "tuple"
        assert len(value) == 3
        assert all(isinstance(part, int) for part in value)
    assert seen["apache.version"][1][:2] == [2, 4]


def test_ids_of_request_connection_process_and_thread(lab: Httpd) -> None:
    first, second = (environ(lab) for _ in range(2))
    for key in ("mod_wsgi.request_id", "mod_wsgi.connection_id"):
        assert re.fullmatch(r"[\w+/@-]{8,}", first[key])
        assert first[key] != second[key]
    children = {str(process.pid) for process in lab.processes()}
    assert first["mod_wsgi.server_pid"] in children
    assert first["mod_wsgi.thread_id"] >= 1


def test_times_are_in_order(lab: Httpd, mode: str) -> None:
    seen = typed(lab)
    names = ["mod_wsgi.request_start", "mod_wsgi.queue_start", "mod_wsgi.daemon_start", "mod_wsgi.script_start"]
    if mode == "embedded":
        names = ["mod_wsgi.request_start", "mod_wsgi.script_start"]
    times = []
    for name in names:
        kind, value = seen[name]
        assert kind == "str"
        assert re.fullmatch(r"\d{16}", value)
        times.append(int(value))
    assert times == sorted(times)
    assert seen["mod_wsgi.application_start"] == ["float", pytest.approx(times[-1] / 1e6)]


def test_path_info_is_always_there(lab: Httpd) -> None:
    seen = environ(lab)
    assert seen["PATH_INFO"] == ""
    assert seen["QUERY_STRING"] == ""


@pytest.mark.parametrize(
    ("path", "script_name", "path_info"),
    [
        ("/environment/", "/environment", "/"),
        ("/environment//a///b", "/environment", "/a/b"),
        ("//environment/a", "/environment", "/a"),
        ("/environment/%C3%A9", "/environment", "/\xc3\xa9"),
        ("/environment/a%20b", "/environment", "/a b"),
        ("/environment/a;b=c", "/environment", "/a;b=c"),
        ("/environment/%ff", "/environment", "/\xff"),
    ],
)
def test_paths(lab: Httpd, path: str, script_name: str, path_info: str) -> None:
    seen = environ(lab, path)
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"], seen["REQUEST_URI"]) == (script_name, path_info, path)


@pytest.mark.parametrize("path", ["/environmental", "/environment.py", "/Environment"])
def test_an_alias_ends_at_a_segment(lab: Httpd, path: str) -> None:
    assert lab.get(path).status == 404


@pytest.mark.parametrize("path", ["/environment/%2e%2e/%2e%2e/etc/passwd", "/environment/a%00b", "/environment/%2f"])
def test_hostile_paths_do_not_reach_the_application(lab: Httpd, path: str) -> None:
    assert lab.get(path).status in (400, 404)


def test_body_keys(lab: Httpd) -> None:
    seen = environ(lab, headers=[("Content-Type", "text/x")], method="POST", body=b"1234")
    assert (seen["CONTENT_LENGTH"], seen["CONTENT_TYPE"], seen["REQUEST_METHOD"]) == ("4", "text/x", "POST")
    assert not {"HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & set(seen)


def test_fields_arrive_with_latin_1_values_and_doubles_joined(lab: Httpd) -> None:
    seen = environ(lab, headers=[("X-Latin", "caf\xe9"), ("X-Two", "1"), ("X-Two", "2"), ("X-Empty", "")])
    assert (seen["HTTP_X_LATIN"], seen["HTTP_X_TWO"], seen["HTTP_X_EMPTY"]) == ("caf\xe9", "1, 2", "")


@pytest.mark.parametrize("name", ["X_Forwarded_For", "X.Dotted", "Content_Length", "X-Remote_User", "X!Y", "X~"])
def test_odd_field_names_are_dropped(lab: Httpd, name: str) -> None:
    plain, odd = environ(lab), environ(lab, headers=[(name, "1")])
    assert set(odd) == set(plain)
    assert odd.get("CONTENT_LENGTH") == plain.get("CONTENT_LENGTH")


def test_proxy_is_dropped(lab: Httpd) -> None:
    assert "HTTP_PROXY" not in environ(lab, headers=[("Proxy", "http://evil/")])


def test_authorization_is_not_passed_by_default(lab: Httpd) -> None:
    assert "HTTP_AUTHORIZATION" not in environ(lab, headers=[("Authorization", "Basic YTpi")])


def test_pass_authorization(serve: Serve) -> None:
    server = serve("environment.py", "WSGIPassAuthorization On\n")
    assert environ(server, "/", [("Authorization", "Basic YTpi")])["HTTP_AUTHORIZATION"] == "Basic YTpi"


def test_authenticated_user(serve: Serve) -> None:
    config = """
<Location />
    AuthType Basic
    AuthName "area"
    AuthUserFile "{root}/users"
    Require valid-user
</Location>
"""
    server = serve("environment.py", config, start=False)
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (server.root / "users").write_text(f"mary:{{SHA}}{digest}\n")
    server.start()
    assert server.get("/").status == 401
    token = base64.b64encode(b"mary:secret").decode()
    seen = environ(server, "/", [("Authorization", f"Basic {token}")])
    assert (seen["REMOTE_USER"], seen["AUTH_TYPE"]) == ("mary", "Basic")
    assert "HTTP_AUTHORIZATION" not in seen


def test_an_internal_redirect_tells_where_it_came_from(serve: Serve) -> None:
    config = """
Alias /private "{data}"
ErrorDocument 404 /told
<Location /private>
    AuthType Basic
    AuthName "area"
    AuthUserFile "{root}/users"
    Require valid-user
</Location>
"""
    server = serve("environment.py", config, start=False)
    digest = base64.b64encode(hashlib.sha1(b"secret").digest()).decode()
    (server.root / "users").write_text(f"mary:{{SHA}}{digest}\n")
    server.start()
    token = base64.b64encode(b"mary:secret").decode()
    response = server.get("/private/missing?a=b", [("Authorization", f"Basic {token}")])
    seen = {key: value for key, (_, value) in json.loads(response.body)["environ"].items()}
    assert seen["PATH_INFO"] == "/told"
    assert seen["REDIRECT_URL"] == "/private/missing"
    assert seen["REDIRECT_QUERY_STRING"] == "a=b"
    assert seen["REDIRECT_REMOTE_USER"] == "mary"


def test_names_of_the_client(serve: Serve) -> None:
    """Only when the server is told to find them out. Nobody answers for the user here."""
    seen = environ(serve("environment.py"), "/")
    assert "REMOTE_HOST" not in seen
    assert "REMOTE_IDENT" not in seen
    ident = f"{apxs('LIBEXECDIR')}/mod_ident.so"
    seen = environ(
        serve("environment.py", f"HostnameLookups On\nLoadModule ident_module {ident}\nIdentityCheck On\n"), "/"
    )
    assert seen["REMOTE_HOST"] == socket.getfqdn("127.0.0.1")
    assert seen["REMOTE_IDENT"] == "unknown"


def test_variables_of_other_modules(serve: Serve) -> None:
    config = """
SetEnv FROM_SETENV value
SetEnvIf X-Mark (.+) FROM_FIELD=$1
RewriteEngine On
RewriteRule .* - [E=FROM_REWRITE:1]
"""
    seen = typed(serve("environment.py", config), "/", [("X-Mark", "m")])
    for key, value in (("FROM_SETENV", "value"), ("FROM_FIELD", "m"), ("FROM_REWRITE", "1")):
        assert seen[key] == ["str", value]


@pytest.mark.parametrize(("value", "scheme"), [("on", "https"), ("1", "https"), ("off", "http")])
def test_https_variable_becomes_the_scheme(serve: Serve, value: str, scheme: str) -> None:
    seen = environ(serve("environment.py", f"SetEnvIf Host . HTTPS={value}\n"), "/")
    assert seen["wsgi.url_scheme"] == scheme
    assert "HTTPS" not in seen


def test_mounted_at_the_root(serve: Serve) -> None:
    seen = environ(serve("environment.py"), "/a/b")
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("", "/a/b")


def test_file_names_keep_their_bytes(serve: Serve) -> None:
    """SCRIPT_FILENAME is a file name for Python: the file system's encoding, not latin-1."""
    server = serve("environment.py", 'WSGIScriptAlias /named "{apps}/n\u00e4me.py"\n', start=False)
    (server.apps / "n\u00e4me.py").write_text((server.apps / "environment.py").read_text())
    server.conf.write_text(server.conf.read_text().replace('WSGIScriptAlias / "', 'WSGIScriptAlias /plain "'))
    server.start()
    assert environ(server, "/named")["SCRIPT_FILENAME"] == str(server.apps / "n\u00e4me.py")


def test_concurrency_flags(httpd: Callable[..., Httpd]) -> None:
    """multiprocess depends on processes= being given, multithread on the number of threads."""
    alias = "WSGIScriptAlias / {apps}/environment.py\nWSGIApplicationGroup %{GLOBAL}\nWSGIProcessGroup d\n"
    for options, multiprocess, multithread, run_once in (
        ("threads=3", False, True, False),
        ("processes=1 threads=1", True, False, False),
        ("processes=2", True, True, False),
        ("threads=1 maximum-requests=1", False, False, True),
    ):
        seen = environ(httpd(f"WSGIDaemonProcess d {options}\n{alias}"), "/")
        flags = (seen["wsgi.multiprocess"], seen["wsgi.multithread"], seen["wsgi.run_once"])
        assert flags == (multiprocess, multithread, run_once), options


@pytest.mark.parametrize(
    ("mpm", "multiprocess", "multithread"), [("prefork", True, False), ("worker", True, True), ("event", True, True)]
)
def test_concurrency_flags_embedded(
    httpd: Callable[..., Httpd], mpm: str, multiprocess: bool, multithread: bool
) -> None:
    server = httpd("WSGIScriptAlias / {apps}/environment.py\n", mpm=mpm, children=2)
    seen = environ(server, "/")
    assert (seen["wsgi.multiprocess"], seen["wsgi.multithread"]) == (multiprocess, multithread)
