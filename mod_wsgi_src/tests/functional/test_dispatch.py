# SPDX-License-Identifier: Apache-2.0
"""WSGIDispatchScript, what WSGIRestrictProcess says to it, and groups that are named after the host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote

import pytest
from harness.server import Httpd

Make = Callable[..., Httpd]

# process_group and the others answer what the query string says of them, evaluated.
DISPATCH = """
import json

def answer(environ, name):
    from urllib.parse import parse_qs
    said = parse_qs(environ["QUERY_STRING"]).get(name)
    return eval(said[0]) if said else None

def process_group(environ):
    plain = {k: v if isinstance(v, (str, int, tuple)) else type(v).__name__ for k, v in environ.items()}
    print("DISPATCH", json.dumps(plain), file=environ["wsgi.errors"])
    return answer(environ, "process")

def application_group(environ):
    return answer(environ, "application")

def callable_object(environ):
    return answer(environ, "callable")
"""

CONFIG = """
WSGIDaemonProcess one processes=1 threads=2
WSGIDaemonProcess two processes=1 threads=2
WSGIDaemonProcess three processes=1 threads=2
WSGIScriptAlias /plain {apps}/groups.py
WSGIScriptAlias /alias {apps}/groups.py process-group=one application-group=inner
WSGIScriptAlias /partly {apps}/groups.py
WSGIScriptAlias /broken {apps}/groups.py
WSGIScriptAlias /environ {apps}/environment.py
WSGIHandlerScript resource {apps}/handler.py process-group=two application-group=%{GLOBAL}
<Location />
    WSGIDispatchScript {apps}/dispatch.py
    WSGIRestrictProcess one two %{GLOBAL}
    SetEnv CHOSEN two
</Location>
<Location /partly>
    WSGIDispatchScript {apps}/partly.py application-group=%{SERVER}
</Location>
<Location /broken>
    WSGIDispatchScript {apps}/broken.py
</Location>
Alias /files {data}
<Directory "{data}">
    SetHandler resource
</Directory>
"""


@pytest.fixture(scope="module")
def server(module_path: Path) -> Iterator[Httpd]:
    server = Httpd(module_path)
    try:
        server.app("dispatch.py", DISPATCH)
        server.app("partly.py", "def callable_object(environ):\n    return 'another'\n")
        server.app("broken.py", "def process_group(environ):\n    return 'one'\nthis is not = Python\n")
        groups = (server.apps / "groups.py").read_text()
        server.app("groups.py", groups + "\n\ndef another(environ, start_response):\n"
                   "    start_response('200 OK', [])\n    return [b'another']\n")  # fmt: skip
        server.app("handler.py", groups.replace("def application(", "def handle_request("))
        (server.data / "a").write_text("file")
        server.configure(CONFIG)
        server.start()
        yield server
    finally:
        server.dispose()


def ask(server: Httpd, path: str, **said: str) -> tuple[int, Any]:
    query = "&".join(f"{name}={quote(value)}" for name, value in said.items())
    response = server.get(f"{path}?{query}")
    seen = json.loads(response.body) if response.status == 200 else {}
    return response.status, (seen.get("process_group"), seen.get("application_group"))


@pytest.mark.parametrize(
    ("path", "said", "groups"),
    [
        ("/plain", {}, ("", "localhost:{port}|/plain")),
        ("/plain", {"process": "'one'"}, ("one", "localhost:{port}|/plain")),
        ("/plain", {"process": "'two'", "application": "'x'"}, ("two", "x")),
        ("/plain", {"application": "'%{GLOBAL}'"}, ("", "")),
        ("/plain", {"application": "'%{SERVER}'"}, ("", "localhost:{port}")),
        ("/plain", {"application": "'%{RESOURCE}'"}, ("", "localhost:{port}|/plain")),
        ("/plain", {"process": "'%{ENV:CHOSEN}'"}, ("two", "localhost:{port}|/plain")),
        ("/alias", {}, ("one", "inner")),
        ("/alias", {"process": "'two'"}, ("two", "inner")),
        ("/alias", {"process": "'%{GLOBAL}'", "application": "''"}, ("", "")),
        ("/files/a", {}, ("two", "")),
        ("/files/a", {"process": "'one'", "callable": "'ignored'"}, ("one", "")),
    ],
)
def test_dispatch_script(server: Httpd, path: str, said: dict[str, str], groups: tuple[str, str]) -> None:
    """What it returns goes before options and directives; None leaves them."""
    port = str(server.port)
    # Port 80 is not told; ours is that of the listener, since ServerName has none.
    expected = tuple(name.replace("{port}", port) for name in groups)
    assert ask(server, path, **said) == (200, expected)


def test_dispatch_chooses_the_callable(server: Httpd) -> None:
    assert server.get(f"/plain?callable={quote(repr('another'))}").text == "another"
    assert server.get("/partly").text == "another"
    assert server.get(f"/plain?callable={quote(repr('missing'))}").status == 404


@pytest.mark.parametrize("name", ["process", "application", "callable"])
@pytest.mark.parametrize("answer", ["1", "True", "b'one'", "['one']", "'a\\0b'", "'\\ud800'", "1/0"])
def test_F4_a_wrong_answer_of_a_dispatch_script_is_an_error(server: Httpd, name: str, answer: str) -> None:
    mark = len(server.log())
    assert ask(server, "/alias", **{name: answer})[0] == 500
    server.wait_log(r"dispatch\.py", since=mark)


@pytest.mark.parametrize("group", ["three", "missing", "%{ENV:MISSING}", "%{HOST}"])
def test_dispatch_only_reaches_what_is_allowed(server: Httpd, group: str) -> None:
    mark = len(server.log())
    assert ask(server, "/plain", process=repr(group))[0] == 500
    server.wait_log("WSGIRestrictProcess", since=mark)


def test_a_dispatch_script_that_cannot_be_loaded_is_an_error(server: Httpd) -> None:
    mark = len(server.log())
    assert server.get("/broken").status == 500
    server.wait_log(r"broken\.py", since=mark)


def test_environ_of_a_dispatch_script(server: Httpd) -> None:
    mark = len(server.log())
    assert server.get("/environ/rest").status == 200
    environ = json.loads(server.wait_log(r"DISPATCH (\{.*\})", since=mark).group(1))
    expected = {
        "SCRIPT_NAME": "/environ",
        "PATH_INFO": "/rest",
        "SCRIPT_FILENAME": f"{server.apps}/environment.py",
        "REQUEST_METHOD": "GET",
        "HTTP_HOST": "localhost",
        "CHOSEN": "two",
        "mod_wsgi.process_group": "",
        "mod_wsgi.application_group": "",
        "mod_wsgi.request_handler": "wsgi-script",
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert "wsgi.errors" in environ
    assert "wsgi.input" not in environ


SPECIAL = """
WSGIDaemonProcess localhost:{port} processes=1 threads=1
WSGIDaemonProcess localhost:{port}|/resource processes=1 threads=1
WSGIDaemonProcess plain processes=1 threads=1
WSGIScriptAlias /server {apps}/groups.py process-group=%{SERVER} application-group=%{HOST}
WSGIScriptAlias /host {apps}/groups.py process-group=%{HOST} application-group=%{SERVER}
WSGIScriptAlias /resource {apps}/groups.py process-group=%{RESOURCE}
WSGIScriptAlias /environ {apps}/groups.py process-group=%{ENV:GROUP} application-group=%{ENV:INNER}
WSGIScriptAlias /unknown {apps}/groups.py process-group=%{ENV:NOBODY} application-group=%{GLOBAL}
WSGIScriptAlias /inner-unknown {apps}/groups.py application-group=%{ENV:NOBODY}
RewriteEngine On
RewriteCond %{QUERY_STRING} ^rewritten$
RewriteRule ^/environ - [E=GROUP:plain,E=INNER:%{SERVER}]
<Location /environ/set>
    SetEnv INNER %{GLOBAL}
</Location>
"""


def test_special_names_of_groups(httpd: Make) -> None:
    """%{...} in both kinds of groups. ENV is a variable of the request, else of the process, and may hold another."""
    server = httpd(start=False)
    server.configure(SPECIAL.replace("E=INNER:%{SERVER}", "E=INNER:\\%{SERVER}"))
    server.start({"GROUP": "plain", "INNER": "%{RESOURCE}"})
    me = f"localhost:{server.port}"

    def names(path: str) -> tuple[str, str]:
        seen = json.loads(server.get(path).body)
        return seen["process_group"], seen["application_group"]

    assert names("/server") == (me, me)
    assert names("/host") == (me, me)
    assert names("/resource") == (f"{me}|/resource", f"{me}|/resource")
    assert names("/environ") == ("plain", f"{me}|/environ")
    assert names("/environ/set") == ("plain", "")
    assert names("/environ?rewritten") == ("plain", me)
    assert server.get("/unknown").status == 500
    server.wait_log(r"%\{ENV:NOBODY\}")
    assert names("/inner-unknown") == ("", "%{ENV:NOBODY}")  # a name like any other


HOSTS = """
<VirtualHost *:{port}>
    ServerName first.example
    ServerAlias second.example *.third.example
    WSGIScriptAlias / {apps}/groups.py
    WSGIApplicationGroup %{HOST}
    <Location /script>
        WSGIAccessScript {apps}/open.py application-group=%{HOST}
    </Location>
</VirtualHost>
"""


def test_F6_only_names_of_the_virtual_host_choose_a_group(httpd: Make) -> None:
    """Where a wildcard lets clients invent names, the bound is that of interpreters in a process: see the unit test
    F6_too_many_interpreters."""
    server = httpd(HOSTS, start=False)
    server.app("open.py", "def allow_access(environ, host):\n    return True\n")
    server.start()
    for host in ("first.example", "SECOND.example", "a.third.example"):
        response = server.get("/", [("Host", f"{host}:8080")])
        assert json.loads(response.body)["application_group"] == f"{host.lower()}:{server.port}"
        assert server.get("/script", [("Host", host)]).status == 200
    mark = len(server.log())
    for host in ("other.example", "127.0.0.1", "third.example"):
        assert server.get("/", [("Host", host)]).status == 421
        assert server.get("/script", [("Host", host)]).status == 500
    server.wait_log("other.example", since=mark)
    assert not [line for line in server.log()[mark:].splitlines() if "sub-interpreter" in line]
