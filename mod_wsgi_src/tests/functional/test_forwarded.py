# SPDX-License-Identifier: Apache-2.0
"""WSGITrustedProxyHeaders and WSGITrustedProxies: what a proxy says about its client, and who may not say it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from harness.client import Connection
from harness.protocols import load_module
from harness.server import Httpd

Make = Callable[..., Httpd]
Fields = list[tuple[str, str]]

EVERY_X = (
    "X-Forwarded-For X-Real-IP X-Client-IP X-Forwarded-Proto X-Forwarded-Scheme X-Scheme X-Forwarded-HTTPS "
    "X-Forwarded-SSL X-HTTPS X-Forwarded-Host X-Host X-Forwarded-Server X-Forwarded-Port X-Script-Name "
    "X-Forwarded-Script-Name"
)
PLACES = {
    "trusted": f"WSGITrustedProxyHeaders {EVERY_X}\nWSGITrustedProxies 127.0.0.1 10.0.0.0/8 2001:db8::/32\n",
    "stranger": f"WSGITrustedProxyHeaders {EVERY_X} Forwarded\nWSGITrustedProxies 10.0.0.0/8 ::1\n",
    "few": "WSGITrustedProxyHeaders X-Real-IP\nWSGITrustedProxies 10.0.0.0/8\n",
    "everybody": f"WSGITrustedProxyHeaders {EVERY_X}\n",
    "standard": "WSGITrustedProxyHeaders Forwarded\nWSGITrustedProxies 127.0.0.1 10.0.0.0/8\n",
    "both": "WSGITrustedProxyHeaders Forwarded X-Forwarded-For x_forwarded_proto\nWSGITrustedProxies 127.0.0.0/8\n",
    "order": "WSGITrustedProxyHeaders X-Real-IP X-Forwarded-For\nWSGITrustedProxies 127.0.0.1/32\n",
    "plain": "",
}


@pytest.fixture(scope="module")
def server(mode: str, module_path: Path) -> Iterator[Httpd]:
    config = "WSGIApplicationGroup %{GLOBAL}\n"
    if mode == "daemon":
        config += "WSGIDaemonProcess app processes=1 threads=4\nWSGIProcessGroup app\n"
    for name, lines in PLACES.items():
        config += f'WSGIScriptAlias /{name} "{{apps}}/environment.py"\n<Location /{name}>\n{lines}</Location>\n'
    server = Httpd(module_path)
    try:
        server.configure(config)
        server.start()
        yield server
    finally:
        server.dispose()


def seen(server: Httpd, place: str, fields: Fields) -> dict[str, str]:
    response = server.get(f"/{place}/rest", fields)
    assert response.status == 200, server.log()[-3000:]
    return {key: value for key, (_, value) in json.loads(response.body)["environ"].items()}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("X-Forwarded-For", "203.0.113.5")], {"REMOTE_ADDR": "203.0.113.5"}),
        (
            [("X-Forwarded-For", "1.1.1.1, 203.0.113.5, 10.1.1.1")],
            {"REMOTE_ADDR": "203.0.113.5", "HTTP_X_FORWARDED_FOR": "203.0.113.5, 10.1.1.1"},
        ),
        ([("X-Forwarded-For", "10.2.2.2, 10.1.1.1")], {"REMOTE_ADDR": "10.2.2.2"}),
        ([("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-For", "203.0.113.6")], {"REMOTE_ADDR": "203.0.113.6"}),
        ([("X-Forwarded-For", "203.0.113.5,, ,10.1.1.1,")], {"REMOTE_ADDR": "203.0.113.5"}),
        ([("X-Forwarded-For", "fd00::7, [2001:db8::1]:443")], {"REMOTE_ADDR": "fd00::7"}),
        ([("X-Forwarded-For", "::ffff:203.0.113.5")], {"REMOTE_ADDR": "203.0.113.5"}),
        ([("X-Forwarded-For", "203.0.113.5:51234")], {"REMOTE_ADDR": "203.0.113.5"}),
        ([("X-Forwarded-For", "garbage, 10.1.1.1")], {"REMOTE_ADDR": "10.1.1.1", "HTTP_X_FORWARDED_FOR": "10.1.1.1"}),
        ([("X-Forwarded-For", "garbage")], {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": None}),
        ([("X-Real-IP", "203.0.113.8")], {"REMOTE_ADDR": "203.0.113.8", "HTTP_X_REAL_IP": "203.0.113.8"}),
        ([("X-Real-IP", "1.2.3.4, 5.6.7.8")], {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": None}),
        ([("X-Client-IP", "2001:DB8::9")], {"REMOTE_ADDR": "2001:db8::9"}),
        ([("X-Forwarded-Proto", "https")], {"wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"}),
        ([("X-Forwarded-Scheme", "HTTPS")], {"wsgi.url_scheme": "https"}),
        ([("X-Scheme", "http")], {"wsgi.url_scheme": "http"}),
        ([("X-Forwarded-HTTPS", "On")], {"wsgi.url_scheme": "https"}),
        ([("X-Forwarded-SSL", "true")], {"wsgi.url_scheme": "https"}),
        ([("X-HTTPS", "1")], {"wsgi.url_scheme": "https"}),
        ([("X-HTTPS", "0")], {"wsgi.url_scheme": "http"}),
        ([("X-Forwarded-Proto", "gopher")], {"wsgi.url_scheme": "http", "HTTP_X_FORWARDED_PROTO": None}),
        ([("X-Forwarded-Proto", "https, http")], {"wsgi.url_scheme": "http"}),
        (
            [("X-Forwarded-For", "203.0.113.5, 10.1.1.1"), ("X-Forwarded-Proto", "https, http")],
            {"wsgi.url_scheme": "https"},
        ),
        ([("X-Forwarded-Host", "a.example:8443")], {"HTTP_HOST": "a.example:8443"}),
        ([("X-Host", "[2001:db8::1]:80")], {"HTTP_HOST": "[2001:db8::1]:80"}),
        ([("X-Forwarded-Host", "evil/<script>")], {"HTTP_HOST": "localhost", "HTTP_X_FORWARDED_HOST": None}),
        ([("X-Forwarded-Server", "front.example")], {"SERVER_NAME": "front.example"}),
        ([("X-Forwarded-Server", "front.example:80")], {"SERVER_NAME": "localhost", "HTTP_X_FORWARDED_SERVER": None}),
        ([("X-Forwarded-Port", "8443")], {"SERVER_PORT": "8443"}),
        ([("X-Forwarded-Port", "65536")], {"SERVER_PORT": "80", "HTTP_X_FORWARDED_PORT": None}),
        (
            [("X-Script-Name", "/mount//point/")],
            {
                "SCRIPT_NAME": "/mount/point",
                "mod_wsgi.mount_point": "/mount/point",
                "mod_wsgi.script_name": "/trusted",
                "PATH_INFO": "/rest",
                "mod_wsgi.path_info": "/rest",
            },
        ),
        ([("X-Forwarded-Script-Name", "/")], {"SCRIPT_NAME": "", "mod_wsgi.mount_point": ""}),
        ([("X-Script-Name", "mount")], {"SCRIPT_NAME": "/trusted", "mod_wsgi.mount_point": None}),
        ([], {"REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "/trusted", "mod_wsgi.mount_point": None}),
    ],
)
def test_F3_a_trusted_proxy_is_believed(server: Httpd, fields: Fields, expected: dict[str, str | None]) -> None:
    environ = seen(server, "trusted", fields)
    assert {key: environ.get(key) for key in expected} == expected


EVERY_FIELD = [
    ("Forwarded", "for=203.0.113.9;proto=https;host=evil.example"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("X-Real-IP", "203.0.113.9"),
    ("X-Client-IP", "203.0.113.9"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Scheme", "https"),
    ("X-Scheme", "https"),
    ("X-Forwarded-HTTPS", "on"),
    ("X-Forwarded-SSL", "on"),
    ("X-HTTPS", "on"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Host", "evil.example"),
    ("X-Forwarded-Server", "evil.example"),
    ("X-Forwarded-Port", "666"),
    ("X-Script-Name", "/evil"),
    ("X-Forwarded-Script-Name", "/evil"),
]
FORWARDING = {"HTTP_" + name.upper().replace("-", "_") for name, _ in EVERY_FIELD}
CHANGED = ("REMOTE_ADDR", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "wsgi.url_scheme")


@pytest.mark.parametrize("place", ["stranger", "few"])
def test_F3_an_untrusted_peer_is_not_heard(server: Httpd, place: str) -> None:
    """None is used and none is passed, not even those that are not configured."""
    plain, environ = seen(server, place, []), seen(server, place, [*EVERY_FIELD, ("X-Other", "kept")])
    assert {key: environ[key] for key in CHANGED} == {key: plain[key] for key in CHANGED}
    assert not FORWARDING & environ.keys()
    assert "mod_wsgi.mount_point" not in environ
    assert environ["HTTP_X_OTHER"] == "kept"


def test_F3_nothing_is_touched_when_nothing_is_trusted(server: Httpd) -> None:
    plain, environ = seen(server, "plain", []), seen(server, "plain", EVERY_FIELD)
    assert environ.keys() >= FORWARDING
    assert {key: environ[key] for key in CHANGED} == {key: plain[key] for key in CHANGED}


def test_F3_of_fields_that_say_the_same_one_is_left(server: Httpd) -> None:
    """The last one of the configuration that the request has, and never Forwarded next to X- fields."""
    environ = seen(server, "trusted", EVERY_FIELD)
    left = {"HTTP_X_CLIENT_IP", "HTTP_X_HTTPS", "HTTP_X_HOST", "HTTP_X_FORWARDED_SERVER", "HTTP_X_FORWARDED_PORT"}
    assert FORWARDING & environ.keys() == {*left, "HTTP_X_FORWARDED_SCRIPT_NAME"}
    two = [("X-Real-IP", "203.0.113.1"), ("X-Forwarded-For", "203.0.113.2"), ("X-Client-IP", "203.0.113.3")]
    environ = seen(server, "order", two)
    assert environ["REMOTE_ADDR"] == "203.0.113.2"
    assert FORWARDING & environ.keys() == {"HTTP_X_FORWARDED_FOR"}
    assert seen(server, "order", two[:1])["REMOTE_ADDR"] == "203.0.113.1"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            'for="[fd00::7]:4711";host=a.example;proto=https;by=10.9.9.9',
            {"REMOTE_ADDR": "fd00::7", "HTTP_HOST": "a.example", "wsgi.url_scheme": "https"},
        ),
        (
            "for=1.1.1.1;proto=http, for=203.0.113.5;proto=https, for=10.0.0.2;proto=http",
            {"REMOTE_ADDR": "203.0.113.5", "wsgi.url_scheme": "https"},
        ),
        ('for="evil, for=203.0.113.5', {"REMOTE_ADDR": "203.0.113.5"}),
        ("for=unknown;proto=https", {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "https"}),
        ("rubbish", {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": None}),
        ("for=203.0.113.5;for=203.0.113.6", {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": None}),
    ],
)
def test_F3_the_standard_field(server: Httpd, fields: str, expected: dict[str, str | None]) -> None:
    """RFC 7239. The X- fields, which nobody is trusted to write here, are not passed on beside it."""
    rest = [field for field in EVERY_FIELD if field[0] in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Host")]
    environ = seen(server, "standard", [("Forwarded", fields), *rest])
    assert {key: environ.get(key) for key in expected} == expected
    assert not {"HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO", "HTTP_X_HOST"} & environ.keys()


def test_F3_the_two_families_are_not_mixed(server: Httpd) -> None:
    standard = [("Forwarded", "for=203.0.113.1")]
    environ = seen(server, "both", [*standard, ("X-Forwarded-Proto", "https")])
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "https")
    assert "HTTP_FORWARDED" not in environ
    assert seen(server, "both", standard)["REMOTE_ADDR"] == "203.0.113.1"


def test_F3_a_proxy_that_comes_over_ipv6(httpd: Make) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6")
    httpd(
        f"Listen [::1]:{port}\n"
        'WSGIScriptAlias /near "{apps}/environment.py"\nWSGIScriptAlias /far "{apps}/environment.py"\n'
        "WSGITrustedProxyHeaders X-Forwarded-For\n"
        "<Location /near>\nWSGITrustedProxies ::/127\n</Location>\n"
        "<Location /far>\nWSGITrustedProxies ::2/127 0.0.0.0/0\n</Location>\n"
    )
    seen = {}
    for path in ("/near", "/far"):
        with Connection(port, "::1") as connection:
            connection.request("GET", path, [("X-Forwarded-For", "2001:db8::7"), ("Connection", "close")])
            seen[path] = json.loads(connection.response().body)["environ"]["REMOTE_ADDR"][1]
    assert seen == {"/near": "2001:db8::7", "/far": "::1"}


def test_F3_a_client_that_httpd_found_itself_is_the_peer(httpd: Make) -> None:
    """mod_remoteip, which speaks the PROXY protocol too, tells who sent the request; that one is no trusted proxy."""
    server = httpd(
        load_module("remoteip") + "RemoteIPHeader X-Client-IP\nRemoteIPInternalProxy 127.0.0.1\n"
        'WSGIScriptAlias / "{apps}/environment.py"\n'
        "WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Proto\nWSGITrustedProxies 127.0.0.1\n"
    )
    claims = [("X-Forwarded-For", "192.0.2.66"), ("X-Forwarded-Proto", "https")]
    for peer, found, scheme in (("203.0.113.5", "203.0.113.5", "http"), (None, "192.0.2.66", "https")):
        fields = [*claims, ("X-Client-IP", peer)] if peer else claims
        environ = json.loads(server.get("/", fields).body)["environ"]
        assert (environ["REMOTE_ADDR"][1], environ["wsgi.url_scheme"][1]) == (found, scheme)


def test_without_proxies_everybody_is_one(server: Httpd) -> None:
    fields = [("X-Forwarded-For", "1.1.1.1, 2.2.2.2"), ("X-Forwarded-Proto", "https, http")]
    environ = seen(server, "everybody", fields)
    assert environ["REMOTE_ADDR"] == "1.1.1.1"
    assert environ["HTTP_X_FORWARDED_FOR"] == "1.1.1.1, 2.2.2.2"
    assert environ["wsgi.url_scheme"] == "https"


@pytest.mark.parametrize("place", ["trusted", "plain"])
def test_F1_names_that_only_look_alike_are_dropped(server: Httpd, place: str) -> None:
    names = ("X_Forwarded_For", "X.Forwarded.For", "X-Remote_User", "Content_Length", "REMOTE_USER", "Remote.Addr")
    environ = seen(server, place, [(name, "203.0.113.9") for name in names])
    assert "203.0.113.9" not in environ.values()


def test_F2_proxy_is_no_variable(server: Httpd) -> None:
    environ = seen(server, "plain", [("Proxy", "http://evil.example"), ("Proxy-Authorization", "Basic eDp5")])
    assert not {"HTTP_PROXY", "HTTP_PROXY_AUTHORIZATION"} & environ.keys()


def test_sections_add_to_the_lists(httpd: Make) -> None:
    server = httpd(
        "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 10.0.0.0/8\n"
        'WSGIScriptAlias / "{apps}/environment.py"\n'
        "<Location /more>\nWSGITrustedProxyHeaders X-Host\nWSGITrustedProxies 127.0.0.1\n</Location>\n"
    )
    fields = [("X-Forwarded-For", "203.0.113.5, 10.1.1.1"), ("X-Host", "a.example")]
    environ = {k: v[1] for k, v in json.loads(server.get("/more", fields).body)["environ"].items()}
    assert (environ["REMOTE_ADDR"], environ["HTTP_HOST"]) == ("203.0.113.5", "a.example")
    environ = {k: v[1] for k, v in json.loads(server.get("/less", fields).body)["environ"].items()}
    assert (environ["REMOTE_ADDR"], environ["HTTP_HOST"]) == ("127.0.0.1", "localhost")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("WSGITrustedProxies 10.0.0.0/33", "10.0.0.0/33"),
        ("WSGITrustedProxies proxy.example", "proxy.example"),
        ("WSGITrustedProxies 10.0.0.1 ::1/129", "::1/129"),
        ("WSGITrustedProxyHeaders X-Forwarded-For X-Forwarded-Form", "X-Forwarded-Form"),
    ],
)
def test_what_is_not_understood_is_refused(httpd: Make, line: str, found: str) -> None:
    code, output = httpd(line + "\n", start=False).check()
    assert code != 0
    assert line.split()[0] in output
    assert f'"{found}"' in output
