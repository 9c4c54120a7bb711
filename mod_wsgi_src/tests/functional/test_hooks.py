# SPDX-License-Identifier: Apache-2.0
"""Scripts that Apache's processes ask: who may in, who is who, in which groups, and where a request goes.

Application requests run in daemon mode with WSGIRestrictEmbedded On, or embedded: the scripts run in Apache's processes
either way."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import pytest
from harness.client import Response
from harness.protocols import Connection2, http2, tls, tls_connect
from harness.server import Httpd

Make = Callable[..., Httpd]

# Each function answers what the query string says, evaluated; the harness' own user scripts are as small as real ones.
SCRIPT = """
import json

def answer(environ, usual):
    query = environ["QUERY_STRING"]
    if not query:
        return usual
    from urllib.parse import unquote
    return eval(unquote(query))

def note(what, environ, *more):
    plain = {k: v if isinstance(v, (str, int, tuple)) else type(v).__name__ for k, v in environ.items()}
    print(what, json.dumps([plain, *more]), file=environ["wsgi.errors"])

def allow_access(environ, host):
    note("ACCESS", environ, host, environ["mod_ssl.is_https"](), environ["mod_ssl.var_lookup"]("SSL_PROTOCOL"))
    return answer(environ, True)

def check_password(environ, user, password):
    note("PASSWORD", environ, user, password)
    return answer(environ, {("alice", "secret"): True, ("bob", "secret"): "robert"}.get((user, password)))

def get_realm_hash(environ, user, realm):
    import hashlib
    note("REALM", environ, user, realm)
    usual = hashlib.md5(f"{user}:{realm}:secret".encode()).hexdigest() if user == "alice" else None
    return answer(environ, usual)

def groups_for_user(environ, user):
    note("GROUPS", environ, user)
    return answer(environ, ["staff", "ops"] if user == "alice" else [])
"""

USER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [ascii([environ.get(k) for k in ("REMOTE_USER", "AUTH_TYPE", "HTTP_AUTHORIZATION")]).encode()]
"""

BASIC = "AuthType Basic\nAuthName realm\nAuthBasicProvider wsgi\nWSGIAuthUserScript {apps}/hooks.py\n"
PLACES = {
    "access": "WSGIAccessScript {apps}/hooks.py application-group=%{SERVER}\n",
    "basic": BASIC + "Require valid-user\n",
    "digest": "AuthType Digest\nAuthName realm\nAuthDigestProvider wsgi\nWSGIAuthUserScript {apps}/hooks.py\n"
    "Require valid-user\n",
    "groups": BASIC.replace("hooks.py", "everybody.py")
    + "WSGIAuthGroupScript {apps}/hooks.py application-group=groups\nRequire wsgi-group wheel staff\n",
    "other-groups": BASIC + "WSGIAuthGroupScript {apps}/hooks.py\nRequire wsgi-group wheel\n",
    "any": BASIC.replace("hooks.py", "everybody.py")
    + "WSGIAuthGroupScript {apps}/hooks.py\n"
    + "<RequireAny>\nRequire wsgi-group wheel\nRequire user carol\n</RequireAny>\n",
    "no-user-script": "AuthType Basic\nAuthName realm\nAuthBasicProvider wsgi\nRequire valid-user\n",
    "no-group-script": BASIC + "Require wsgi-group staff\n",
    "no-functions/access": "WSGIAccessScript {apps}/user.py\n",
    "no-functions/basic": BASIC.replace("hooks.py", "user.py") + "Require valid-user\n",
    "no-functions/groups": BASIC + "WSGIAuthGroupScript {apps}/user.py\nRequire wsgi-group staff\n",
    "no-script": "WSGIAccessScript {apps}/missing.py\n",
}
HOSTS = ("localhost", "first.example", "second.example")


def locations() -> str:
    text = 'WSGIScriptAlias / "{apps}/user.py"\n'
    return text + "".join(f"<Location /{name}>\n{lines}</Location>\n" for name, lines in PLACES.items())


@pytest.fixture(scope="module")
def server(mode: str, module_path: Path) -> Iterator[Httpd]:
    """The main server, and two virtual hosts: one of them inherits nothing and has everything itself."""
    config = "WSGIApplicationGroup %{GLOBAL}\n"
    if mode == "daemon":
        config += "WSGIRestrictEmbedded On\nWSGIDaemonProcess app processes=1 threads=4\nWSGIProcessGroup app\n"
    config += locations()
    for host in HOSTS:
        config += f"<VirtualHost *:{{port}}>\nServerName {host}\n"
        config += (locations() if host == "second.example" else "") + "</VirtualHost>\n"
    server = Httpd(module_path)
    try:
        server.app("hooks.py", SCRIPT)
        server.app("user.py", USER)
        server.app("everybody.py", "def check_password(environ, user, password):\n    return True\n")
        server.configure(config)
        server.start()
        yield server
    finally:
        server.dispose()


def basic(user: str = "alice", password: str = "secret") -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def ask(server: Httpd, path: str, *fields: tuple[str, str], host: str = "localhost", answer: str = "") -> Response:
    query = "?" + quote(answer) if answer else ""
    return server.get(f"/{path}{query}", [("Host", host), *fields])


def noted(server: Httpd, what: str, since: int) -> list[Any]:
    """What a function of the script wrote down: its environ and arguments. httpd's log doubles backslashes."""
    return json.loads(server.wait_log(rf"{what} (\[.*\])", since=since).group(1).replace("\\\\", "\\"))


# --- what they are for ---


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("answer", "status"), [("", 200), ("True", 200), ("None", 200), ("False", 403)])
def test_access_script(server: Httpd, host: str, answer: str, status: int) -> None:
    assert ask(server, "access", host=host, answer=answer).status == status


def test_environ_of_an_access_script(server: Httpd) -> None:
    mark = len(server.log())
    fields = [basic(), ("Proxy-Authorization", "Basic eDp5"), ("Proxy", "x"), ("X-Some", "thing"), ("X_Some", "other")]
    assert ask(server, "access//in//fo", *fields, host="first.example").status == 200
    environ, host, https, protocol = noted(server, "ACCESS", mark)
    assert (host, https, protocol) == ("127.0.0.1", 0, None)
    expected = {
        "HTTP_HOST": "first.example",
        "HTTP_X_SOME": "thing",
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/access//in//fo",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/access/in/fo",
        "QUERY_STRING": "",
        "SERVER_NAME": "first.example",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_ADDR": "127.0.0.1",
        "REMOTE_ADDR": "127.0.0.1",
        "mod_wsgi.process_group": "",
        "mod_wsgi.application_group": f"first.example:{server.port}",
        "mod_wsgi.version": [4, 4, 11],
    }
    assert {key: environ.get(key) for key in expected} == expected
    keys = {"SERVER_PORT", "SERVER_SOFTWARE", "SERVER_SIGNATURE", "SERVER_ADMIN", "REMOTE_PORT", "DOCUMENT_ROOT"}
    assert environ.keys() >= {*keys, "apache.version", "wsgi.errors"}
    assert not environ.keys() & {"HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_PROXY", "REMOTE_USER"}
    assert "apache.request_rec" not in environ


@pytest.mark.parametrize("host", HOSTS)
def test_auth_user_script_for_basic(server: Httpd, host: str) -> None:
    assert ask(server, "basic", host=host).status == 401
    response = ask(server, "basic", basic(), host=host)
    assert (response.status, ast.literal_eval(response.text)) == (200, ["alice", "Basic", None])
    response = ask(server, "basic", basic("bob"), host=host)
    assert (response.status, ast.literal_eval(response.text)[0]) == (200, "robert")
    assert ask(server, "basic", basic("alice", "wrong"), host=host).status == 401
    assert ask(server, "basic", basic("nobody"), host=host).status == 401
    assert ask(server, "basic", basic(), host=host, answer="False").status == 401


def test_names_and_passwords_are_bytes_as_latin_1(server: Httpd) -> None:
    mark = len(server.log())
    response = ask(server, "basic", basic("zoë", "päss"), answer="True")
    assert (response.status, ast.literal_eval(response.text)[0]) == (200, "zoë".encode().decode("latin-1"))
    assert noted(server, "PASSWORD", mark)[1:] == [text.encode().decode("latin-1") for text in ("zoë", "päss")]


def digest(server: Httpd, path: str, user: str, password: str, host: str = "localhost", answer: str = "") -> Response:
    uri = f"/{path}" + ("?" + quote(answer) if answer else "")
    challenge = server.get(uri, [("Host", host)])
    assert challenge.status == 401
    offered = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.get("WWW-Authenticate") or ""))

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    first, second = md5(f"{user}:{offered['realm']}:{password}"), md5(f"GET:{uri}")
    proof = md5(f"{first}:{offered['nonce']}:00000001:abc:auth:{second}")
    field = (
        f'Digest username="{user}", realm="{offered["realm"]}", nonce="{offered["nonce"]}", uri="{uri}", '
        f'algorithm=MD5, qop=auth, nc=00000001, cnonce="abc", response="{proof}"'
    )
    return server.get(uri, [("Host", host), ("Authorization", field)])


@pytest.mark.parametrize("host", HOSTS)
def test_auth_user_script_for_digest(server: Httpd, host: str) -> None:
    response = digest(server, "digest", "alice", "secret", host)
    assert (response.status, ast.literal_eval(response.text)) == (200, ["alice", "Digest", None])
    assert digest(server, "digest", "alice", "wrong", host).status == 401
    assert digest(server, "digest", "nobody", "secret", host).status == 401


@pytest.mark.parametrize("host", HOSTS)
def test_auth_group_script(server: Httpd, host: str) -> None:
    mark = len(server.log())
    assert ask(server, "groups", host=host).status == 401
    assert ask(server, "groups", basic(), host=host).status == 200
    environ, user = noted(server, "GROUPS", mark)
    assert (user, environ["mod_wsgi.application_group"]) == ("alice", "groups")
    assert ask(server, "groups", basic("bob"), host=host).status == 401
    assert ask(server, "other-groups", basic(), host=host).status == 401
    for answer in ("('x', 'wheel')", "{'staff': 1}", "iter(['staff'])"):
        assert ask(server, "groups", basic(), host=host, answer=answer).status == 200
    for answer in ("[]", "['Staff', 'staff ', '', 'whee', 'wheel staff']"):
        assert ask(server, "groups", basic(), host=host, answer=answer).status == 401
    assert ask(server, "any", basic(), host=host).status == 401
    assert ask(server, "any", basic("carol"), host=host).status == 200


# --- closed by default ---

BAD = {
    "access": ["1", "0", "'yes'", "b''", "[]", "object()", "1/0", "exit()"],
    "basic": ["1", "0", "b'alice'", "[]", "''", "'a\\0b'", "'\\ud800'", "object()", "1/0", "exit()"],
    "groups": ["None", "True", "1", "'staff'", "'wheel'", "[b'staff']", "['staff', 1]", "[None]", "['a\\0b']", "1/0"],
    "any": ["None", "1", "'wheel'", "1/0"],
}


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(("place", "answer"), [(place, answer) for place, answers in BAD.items() for answer in answers])
def test_F4_a_wrong_answer_is_an_error_and_no_way_in(server: Httpd, host: str, place: str, answer: str) -> None:
    mark = len(server.log())
    assert ask(server, place, basic(), host=host, answer=answer).status == 500
    server.wait_log(r"MWS2101: request \S{8,}: .*hooks\.py|MWS4123: .*empty user name", since=mark)


@pytest.mark.parametrize("answer", ["1", "True", "b'x'", "1/0"])
def test_F4_a_wrong_hash_is_an_error(server: Httpd, answer: str) -> None:
    assert digest(server, "digest", "alice", "secret", answer=answer).status == 500


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("no-user-script", "WSGIAuthUserScript"),
        ("no-group-script", "WSGIAuthGroupScript"),
        ("no-functions/access", "allow_access"),
        ("no-functions/basic", "check_password"),
        ("no-functions/groups", "groups_for_user"),
        ("no-script", r"missing\.py"),
    ],
)
def test_F4_what_cannot_be_asked_lets_nobody_in(server: Httpd, host: str, place: str, told: str) -> None:
    mark = len(server.log())
    assert ask(server, place, basic(), host=host).status == 500
    server.wait_log(told, since=mark)


def test_F4_groups_without_a_user_let_nobody_in(server: Httpd) -> None:
    """A group script that is lavish, and a client that names no user or claims one by other means."""
    fields = [("REMOTE_USER", "alice"), ("X-Remote-User", "alice"), ("Remote-User", "alice")]
    assert ask(server, "groups", answer="['staff', 'wheel']").status == 401
    assert ask(server, "groups", *fields, answer="['staff', 'wheel']").status == 401
    assert ask(server, "groups", ("Authorization", "Basic !!!"), answer="['staff']").status == 401


@pytest.mark.parametrize("setting", ["Off", "On"])
def test_F4_authorization_is_passed_on_only_when_asked_for(httpd: Make, setting: str) -> None:
    server = httpd(f"WSGIPassAuthorization {setting}\nWSGIScriptAlias / {{apps}}/user.py\n", start=False)
    server.app("user.py", USER)
    server.start()
    fields = [basic(), ("Remote-User", "eve"), ("REMOTE_USER", "eve"), ("Auth-Type", "eve")]
    user, kind, field = ast.literal_eval(server.get("/", fields).text)
    assert (user, kind) == (None, None)
    assert field == (basic()[1] if setting == "On" else None)


# --- configuration and life ---


def test_scripts_are_loaded_again_when_they_change(httpd: Make) -> None:
    server = httpd(
        "WSGIScriptAlias / {apps}/responses.py\n<Location />\nWSGIAccessScript {apps}/door.py\n</Location>\n",
        start=False,
    )
    server.app("door.py", "def allow_access(environ, host):\n    return False\n")
    server.start()
    assert server.get("/hello").status == 403
    server.app("door.py", "def allow_access(environ, host):\n    return True\n# longer\n")
    assert server.get("/hello").status == 200
    server.app("door.py", "def allow_access(environ, host):\n    not = Python\n")
    assert server.get("/hello").status == 500


def test_scripts_stay_when_reloading_is_off(httpd: Make) -> None:
    server = httpd(
        "WSGIScriptReloading Off\nWSGIScriptAlias / {apps}/responses.py\n"
        "<Location />\nWSGIAccessScript {apps}/door.py\n</Location>\n",
        start=False,
    )
    server.app("door.py", "def allow_access(environ, host):\n    return False\n")
    server.start()
    assert server.get("/hello").status == 403
    server.app("door.py", "def allow_access(environ, host):\n    return True\n# longer\n")
    assert server.get("/hello").status == 403


def test_hooks_in_htaccess(httpd: Make) -> None:
    """AllowOverride AuthConfig is enough, and Python starts when the first of them is met."""
    server = httpd(
        'DocumentRoot "{root}/site"\n<Directory "{root}/site">\nAllowOverride AuthConfig\n</Directory>\n'
        "WSGIRestrictEmbedded On\n",
        start=False,
    )
    (server.root / "site").mkdir()
    (server.root / "site" / "page.txt").write_text("page")
    (server.root / "site" / ".htaccess").write_text(f"WSGIAccessScript {server.apps}/hooks.py\n")
    server.app("hooks.py", SCRIPT)
    server.start()
    assert server.get("/page.txt").text == "page"
    assert server.get("/page.txt?False").status == 403


def test_the_client_behind_a_trusted_proxy_is_who_asks(httpd: Make) -> None:
    server = httpd(
        "WSGIScriptAlias / {apps}/responses.py\n<Location />\nWSGIAccessScript {apps}/hooks.py\n"
        "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1\n</Location>\n",
        start=False,
    )
    server.app("hooks.py", SCRIPT)
    server.start()
    mark = len(server.log())
    assert server.get("/hello", [("X-Forwarded-For", "203.0.113.5"), ("X-Real-IP", "6.6.6.6")]).status == 200
    environ, host, *_ = noted(server, "ACCESS", mark)
    assert (host, environ["REMOTE_ADDR"]) == ("203.0.113.5", "203.0.113.5")
    assert "HTTP_X_REAL_IP" not in environ


def test_what_mod_ssl_knows(httpd: Make) -> None:
    """mod_ssl.is_https() and mod_ssl.var_lookup() tell a connection with TLS from one without."""
    server = httpd(start=False)
    port, lines = tls(server)
    server.app("hooks.py", SCRIPT)
    server.configure(
        "WSGIScriptAlias / {apps}/environment.py\n<Location />\nWSGIAccessScript {apps}/hooks.py\n</Location>\n" + lines
    )
    server.start()
    mark = len(server.log())
    assert json.loads(server.get("/").body)["environ"]["wsgi.url_scheme"][1] == "http"
    assert noted(server, "ACCESS", mark)[2:] == [0, ""]

    mark = len(server.log())
    with tls_connect(port) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["environ"]["wsgi.url_scheme"][1] == "https"
    https, protocol = noted(server, "ACCESS", mark)[2:]
    assert (https, protocol[:5]) == (1, "TLSv1")


def test_hooks_and_proxies_under_http2(httpd: Make, mode: str) -> None:
    """Each stream is asked about by itself, with the client that its proxy names; TLS of the connection is seen."""
    server = httpd(start=False)
    port, lines = tls(server)
    process = "WSGIDaemonProcess app threads=4\nWSGIProcessGroup app\n" if mode == "daemon" else ""
    server.app("hooks.py", SCRIPT)
    server.configure(
        http2() + process + "WSGIApplicationGroup %{GLOBAL}\nWSGIScriptAlias / {apps}/environment.py\n"
        "<Location />\nWSGIAccessScript {apps}/hooks.py\n"
        "WSGITrustedProxyHeaders X-Forwarded-For\nWSGITrustedProxies 127.0.0.1\n</Location>\n" + lines
    )
    server.start()
    mark = len(server.log())
    with Connection2(0, tls_connect(port, ["h2"])) as connection:
        numbers = [connection.request(f"/?{answer}", fields=[("x-forwarded-for", "203.0.113.5")])
                   for answer in ("True", "False", "1", "None")]  # fmt: skip
        streams = [connection.response(number) for number in numbers]
    assert [stream.status for stream in streams] == [200, 403, 500, 200]
    environ = json.loads(streams[0].body)["environ"]
    assert [environ[key][1] for key in ("REMOTE_ADDR", "wsgi.url_scheme")] == ["203.0.113.5", "https"]
    asked, host, https, _ = noted(server, "ACCESS", mark)
    assert (asked["SERVER_PROTOCOL"], host, https) == ("HTTP/2.0", "203.0.113.5", 1)


CAPSULE = """
import ctypes
kept = []

def pointer(capsule):
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        return bool(get(capsule, None))
    except ValueError:
        return False

def seen(environ):
    before = [pointer(capsule) for capsule in kept]
    capsule = environ.get("apache.request_rec")
    if capsule is not None:
        kept.append(capsule)
    return [type(capsule).__name__, capsule is not None and pointer(capsule), before]

def allow_access(environ, host):
    print("CAPSULE", seen(environ), file=environ["wsgi.errors"])
    late.append(environ["mod_ssl.is_https"])
    return True

late = []

def application(environ, start_response):
    try:
        late[0]()
        expired = False
    except RuntimeError:
        expired = True
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr([*seen(environ), expired]).encode()]
"""


@pytest.mark.parametrize("setting", ["Off", "On"])
def test_pass_apache_request(httpd: Make, mode: str, setting: str) -> None:
    """Only where there is a request_rec, only when asked for, and only as long as it lives."""
    process = "WSGIDaemonProcess app threads=1\nWSGIProcessGroup app\n" if mode == "daemon" else ""
    server = httpd(
        process + "WSGIApplicationGroup %{GLOBAL}\n" + f"WSGIPassApacheRequest {setting}\n"
        "WSGIScriptAlias / {apps}/capsule.py\n"
        + ("<Location />\nWSGIAccessScript {apps}/capsule.py\n</Location>\n" if mode == "embedded" else ""),
        start=False,
    )
    server.app("capsule.py", CAPSULE if mode == "embedded" else CAPSULE.replace("late[0]()", "raise RuntimeError"))
    server.start()
    kind, usable, before, expired = ast.literal_eval(server.get("/").text)
    assert expired
    if mode == "daemon" or setting == "Off":
        assert (kind, usable, before) == ("NoneType", False, [])
        return
    server.wait_log(r"CAPSULE \['PyCapsule', True, \[\]\]")
    assert (kind, usable, before) == ("PyCapsule", True, [False])
    assert ast.literal_eval(server.get("/").text)[2] == [False, False, False]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("WSGIAccessScript", "WSGIAccessScript"),
        ("WSGIAccessScript /x process-group=a", "process-group"),
        ("WSGIAuthUserScript /x application-group=", "application-group"),
        ("WSGIAuthUserScript /x application-group=%{RESOURCE}", r"%\{RESOURCE\}"),
        ("WSGIAuthGroupScript /x more", "more"),
        ("WSGIDispatchScript /x application-group=%{ENV:X}", r"%\{ENV:X\}"),
        ("Require wsgi-group", "wsgi-group"),
        ("WSGIUserAuthoritative On", "WSGIUserAuthoritative"),
    ],
)
def test_what_is_not_understood_is_refused(httpd: Make, line: str, told: str) -> None:
    code, output = httpd(f"<Location />\n{line}\n</Location>\n", start=False).check()
    assert code != 0
    assert re.search(told, output)


def test_group_authoritative_is_accepted_and_told(httpd: Make) -> None:
    server = httpd("<Location />\nWSGIGroupAuthoritative Off\n</Location>\n")
    server.wait_log("WSGIGroupAuthoritative Off has no effect")
