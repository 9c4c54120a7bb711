# SPDX-License-Identifier: Apache-2.0
"""Each directive by name: what it changes. Mistakes are in test_configuration_mistakes.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import pytest
from harness.server import Httpd
from harness.waiting import until

Make = Callable[..., Httpd]
GLOBAL = "WSGIApplicationGroup %{GLOBAL}\n"
ONE_GROUP = "WSGIDaemonProcess d\nWSGIProcessGroup d\nWSGIScriptAlias / {apps}/groups.py\n"


def groups(server: Httpd, path: str = "/", headers: Any = ()) -> dict[str, Any]:
    response = server.get(path, headers)
    assert response.status == 200, server.log()[-3000:]
    return json.loads(response.body)


# --- mapping ---


def test_script_alias_to_a_directory(serve: Make) -> None:
    server = serve("", "", start=False)
    (server.apps / "folder").mkdir()
    server.start()
    assert json.loads(server.get("/environment.py/a/b").body)["environ"]["PATH_INFO"][1] == "/a/b"
    assert json.loads(server.get("/environment.py").body)["environ"]["SCRIPT_NAME"][1] == "/environment.py"
    assert server.get("/missing.py").status == 404
    assert server.get("/folder/").status in (403, 404)


def test_script_alias_order_and_missing_script(serve: Make) -> None:
    server = serve(
        "responses.py", 'WSGIScriptAlias /late "{apps}/environment.py"\nWSGIScriptAlias /gone "{apps}/gone.py"\n'
    )
    assert server.get("/hello").body == b"Hello World!"
    assert server.get("/late").status == 500  # the first alias that matches wins: /late is a path of responses.py


def test_a_path_below_the_script_may_be_refused(serve: Make) -> None:
    server = serve("responses.py", "<Location />\nAcceptPathInfo Off\n</Location>\n")
    assert server.get("/hello").status == 404
    server.wait_log("MWS4084: AcceptPathInfo off disallows user's path")


def test_a_missing_script_is_404(httpd: Make, mode: str) -> None:
    group = "WSGIDaemonProcess d\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(group + "WSGIScriptAlias /gone {apps}/gone.py\nWSGIScriptAlias /folder {apps}\n")
    assert server.get("/gone").status == 404


def test_script_alias_match(serve: Make) -> None:
    server = serve("responses.py", "", start=False)
    alias = 'WSGIScriptAliasMatch "^/by-([a-z]+)" "{apps}/$1.py"\n'.replace("{apps}", str(server.apps))
    server.conf.write_text(alias + server.conf.read_text().replace('WSGIScriptAlias / "', 'WSGIScriptAlias /plain "'))
    text = server.conf.read_text().replace(alias, "")
    server.conf.write_text(text + alias)
    server.start()
    seen = json.loads(server.get("/by-environment/rest").body)["environ"]
    assert (seen["SCRIPT_NAME"][1], seen["PATH_INFO"][1]) == ("/by-environment", "/rest")
    assert server.get("/by-responses/hello").body == b"Hello World!"
    assert server.get("/by-missing").status == 404


def test_set_handler(httpd: Make, mode: str) -> None:
    """Without an alias: the handler by name, and it needs ExecCGI."""
    group = "WSGIDaemonProcess d\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    config = """
DocumentRoot "{apps}"
<Directory "{apps}">
    <Files environment.py>
        SetHandler wsgi-script
        Options +ExecCGI
    </Files>
    <Files responses.py>
        SetHandler wsgi-script
        Options -ExecCGI
    </Files>
</Directory>
"""
    server = httpd(group + GLOBAL + config)
    seen = json.loads(server.get("/environment.py/info").body)["environ"]
    assert (seen["SCRIPT_NAME"][1], seen["PATH_INFO"][1]) == ("/environment.py", "/info")
    assert seen["mod_wsgi.request_handler"][1] == "wsgi-script"
    assert server.get("/responses.py").status == 403


def test_handler_script(serve: Make) -> None:
    config = """
WSGIHandlerScript resource "{apps}/handler.py"
Alias /plain "{data}"
<Directory "{data}">
    AddHandler resource .res
</Directory>
"""
    server = serve("responses.py", config, start=False)
    server.app(
        "handler.py",
        "def handle_request(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [environ['mod_wsgi.handler_script'].encode(), b' ', environ['SCRIPT_FILENAME'].encode()]\n",
    )
    (server.data / "a.res").write_text("resource")
    text = server.conf.read_text().replace('WSGIScriptAlias / "', 'WSGIScriptAlias /app "')
    server.conf.write_text(text)
    server.start()
    assert server.get("/plain/a.res").text == f"{server.apps}/handler.py {server.data}/a.res"


RESOURCE = """
import os

loads = 0
seen = {}

def stamp(resource):
    return os.stat(resource).st_size

def reload_required(resource):
    if stamp(resource) == 13:
        raise RuntimeError("unlucky")
    return seen.get(resource, stamp(resource)) != stamp(resource)

def handle_request(environ, start_response):
    resource = environ["SCRIPT_FILENAME"]
    seen[resource] = stamp(resource)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{id(seen)} {environ.get('HTTP_AUTHORIZATION')} {environ['mod_wsgi.process_group']} "
            f"{environ['mod_wsgi.application_group']} {environ['mod_wsgi.callable_object']}".encode()]
"""


def test_options_and_reloading_of_a_handler_script(httpd: Make) -> None:
    server = httpd(
        "WSGIDaemonProcess d processes=1 threads=1\n"
        "WSGIHandlerScript far {apps}/handler.py process-group=d application-group=inner pass-authorization=On\n"
        "WSGIHandlerScript near {apps}/handler.py\n"
        "WSGICallableObject ignored\n"
        "Alias / {data}/\nAddHandler far .far\nAddHandler near .near\n",
        start=False,
    )
    server.app("handler.py", RESOURCE)
    for name in ("a.far", "a.near"):
        (server.data / name).write_text("resource")
    server.start()
    fields = [("Authorization", "Basic eDp5")]
    for name, rest in (
        ("a.far", "Basic eDp5 d inner handle_request"),
        ("a.near", f"None  localhost:{server.port}|/a.near handle_request"),
    ):
        first, told = server.get(f"/{name}", fields).text.split(" ", 1)
        assert told == rest
        assert server.get(f"/{name}").text.startswith(first)  # still the same module
        (server.data / name).write_text("changed")
        second = server.get(f"/{name}").text.split(" ")[0]
        assert second != first
        (server.data / name).write_text("unlucky size!")
        mark = len(server.log())
        assert server.get(f"/{name}").text.split(" ")[0] == second
        server.wait_log("unlucky", since=mark)


def test_a_handler_script_without_its_function(httpd: Make, mode: str) -> None:
    group = "WSGIDaemonProcess d\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(group + "WSGIHandlerScript h {apps}/groups.py\nAlias / {data}/\nAddHandler h .res\n", start=False)
    (server.data / "a.res").write_text("resource")
    server.start()
    assert server.get("/a.res").status == 404
    server.wait_log("handle_request")


# --- choosing ---


def test_callable_object(serve: Make) -> None:
    server = serve(
        "environment.py",
        "<Location /other>\nWSGICallableObject other\n</Location>\n"
        "<Location /missing>\nWSGICallableObject missing\n</Location>\n"
        "<Location /variable>\nSetEnvIf Host . CALL=other\nWSGICallableObject %{ENV:CALL}\n</Location>\n",
    )
    assert server.get("/").status == 200
    assert server.get("/other").text == "other callable"
    assert server.get("/variable").text == "other callable"
    mark = len(server.log())
    assert server.get("/missing").status == 404
    server.wait_log("missing", since=mark)


def test_application_groups(httpd: Make, mode: str) -> None:
    """A group is an interpreter: main for %{GLOBAL}, one for each name, by default one for each mount point."""
    process = "WSGIDaemonProcess d processes=1 threads=2\nWSGIProcessGroup d\n" if mode == "daemon" else ""
    server = httpd(
        process
        + "".join(
            f"WSGIScriptAlias /{name} {{apps}}/groups.py\n" for name in ("main", "named", "plain", "same", "server")
        )
        + "<Location /main>\nWSGIApplicationGroup %{GLOBAL}\n</Location>\n"
        + "<Location /named>\nWSGIApplicationGroup one\n</Location>\n"
        + "<Location /same>\nWSGIApplicationGroup one\n</Location>\n"
        + "<Location /server>\nWSGIApplicationGroup %{SERVER}\n</Location>\n"
    )
    main, named, plain = groups(server, "/main"), groups(server, "/named"), groups(server, "/plain")
    assert (main["application_group"], named["application_group"]) == ("", "one")
    assert plain["application_group"].endswith("|/plain")
    for facts in (main, named, plain):
        assert facts["application_group"] == facts["module_application_group"]
        assert facts["count"] == 1
        assert facts["pid"] == main["pid"]
        assert facts["process_group"] == facts["module_process_group"] == ("d" if mode == "daemon" else "")
    assert groups(server, "/same")["count"] == 2
    assert groups(server, "/main")["count"] == 2
    host = f"localhost:{server.port}"
    assert groups(server, "/server", [("Host", host)])["application_group"] == host
    assert named["name"].startswith("_mod_wsgi_")
    assert named["file"] == str(server.apps / "groups.py")


def test_process_groups(httpd: Make) -> None:
    server = httpd(
        "WSGIDaemonProcess a processes=1 threads=3\nWSGIDaemonProcess b processes=2 threads=1\n"
        + "WSGIScriptAlias /a {apps}/groups.py process-group=a application-group=%{GLOBAL}\n"
        + "WSGIScriptAlias /b {apps}/groups.py process-group=b application-group=inner\n"
        + "WSGIScriptAlias /by-variable {apps}/groups.py\n"
        + "WSGIScriptAlias /none {apps}/groups.py\n"
        + "<Location /by-variable>\nSetEnvIf X-Group (.+) GROUP=$1\nWSGIProcessGroup %{ENV:GROUP}\n"
        + "WSGIRestrictProcess a %{GLOBAL}\n</Location>\n"
        + "<Location /none>\nWSGIProcessGroup missing\n</Location>\n"
    )
    a, b = groups(server, "/a"), groups(server, "/b")
    assert (a["process_group"], a["threads"], a["processes"], a["application_group"]) == ("a", 3, 1, "")
    assert (b["process_group"], b["threads"], b["processes"], b["application_group"]) == ("b", 1, 2, "inner")
    assert len(server.daemon_pids()) == 3
    assert {a["pid"], b["pid"]} <= server.daemon_pids()

    assert groups(server, "/by-variable", [("X-Group", "a")])["pid"] == a["pid"]
    assert groups(server, "/by-variable", [("X-Group", "%{GLOBAL}")])["process_group"] == ""
    mark = len(server.log())
    assert server.get("/by-variable", [("X-Group", "b")]).status == 500
    server.wait_log("WSGIRestrictProcess|restrict|not allowed|may not", since=mark)
    mark = len(server.log())
    assert server.get("/none").status == 500
    server.wait_log("missing", since=mark)


def test_a_group_belongs_to_its_virtual_host(httpd: Make) -> None:
    server = httpd(
        """
<VirtualHost *:{port}>
    ServerName first.example
    WSGIDaemonProcess inside processes=1 threads=1
    WSGIScriptAlias / {apps}/groups.py
    WSGIProcessGroup inside
    ErrorLog logs/first.log
</VirtualHost>
<VirtualHost *:{port}>
    ServerName second.example
    WSGIScriptAlias / {apps}/groups.py
    WSGIProcessGroup inside
</VirtualHost>
"""
    )
    assert groups(server, "/", [("Host", "first.example")])["process_group"] == "inside"
    assert server.get("/", [("Host", "second.example")]).status == 500


def test_import_script(serve: Make, mode: str) -> None:
    group = "app" if mode == "daemon" else "%{GLOBAL}"
    server = serve(
        "responses.py",
        f"WSGIImportScript {{apps}}/early.py process-group={group} application-group=%{{GLOBAL}}\n",
        start=False,
    )
    server.app("early.py", f"import pathlib\npathlib.Path({str(server.data / 'early')!r}).touch()\n")
    server.start()
    until(lambda: (server.data / "early").exists(), "the script was loaded before any request")
    assert server.get("/hello").body == b"Hello World!"


def test_import_script_where_embedded_mode_is_restricted(httpd: Make) -> None:
    """Only requests are kept out: a script that is asked about requests may be loaded early like any other."""
    server = httpd(
        "WSGIRestrictEmbedded On\n"
        "WSGIImportScript {apps}/early.py process-group=%{GLOBAL} application-group=%{SERVER}\n"
        "WSGIScriptAlias / {apps}/groups.py\n",
        start=False,
    )
    server.app("early.py", f"import pathlib\npathlib.Path({str(server.data / 'early')!r}).touch()\n")
    server.start()
    until(lambda: (server.data / "early").exists(), "the script was loaded")
    assert server.get("/").status == 500


def test_a_broken_import_script_is_told_and_harms_nobody(serve: Make, mode: str) -> None:
    group = "app" if mode == "daemon" else "%{GLOBAL}"
    server = serve(
        "responses.py",
        f"WSGIImportScript {{apps}}/broken.py process-group={group} application-group=%{{GLOBAL}}\n",
        start=False,
    )
    server.app("broken.py", "import nothing_of_this_name\n")
    server.start()
    server.wait_log("nothing_of_this_name")
    assert server.get("/hello").body == b"Hello World!"


def test_preload_by_alias(httpd: Make) -> None:
    server = httpd(start=False)
    server.configure(
        "WSGIDaemonProcess d threads=1\nWSGIScriptAlias / {apps}/early.py process-group=d application-group=%{GLOBAL}\n"
    )
    server.app(
        "early.py",
        f"import pathlib\npathlib.Path({str(server.data / 'early')!r}).touch()\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [b'early']\n",
    )
    server.start()
    until(lambda: (server.data / "early").exists(), "the script was loaded before any request")
    assert server.get("/").body == b"early"


# --- the interpreter ---


def make_venv(server: Httpd, facts: dict[str, Any], version: str) -> Path:
    """As small as a virtual environment can be: its marker, a directory for modules and the interpreter's name."""
    venv = server.root / "venv"
    packages = venv / "lib" / facts["library"] / "site-packages"
    packages.mkdir(parents=True)
    (packages / "only_in_venv.py").write_text("here = True\n")
    (venv / "bin").mkdir()
    interpreter = Path(facts["base_prefix"]) / "bin" / facts["library"]
    (venv / "bin" / "python").symlink_to(interpreter)
    (venv / "pyvenv.cfg").write_text(
        f"home = {interpreter.parent}\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    return venv


IN_VENV = """
import only_in_venv, sys

def application(environ, start_response):
    start_response("200 OK", [])
    return [sys.prefix.encode()]
"""


def test_python_home(httpd: Make, lab: Httpd, mode: str) -> None:
    facts = lab.around("/environment")
    server = httpd(start=False)
    venv = make_venv(server, facts, facts["version"])
    if mode == "daemon":
        config = f"WSGIDaemonProcess d python-home={venv}\nWSGIProcessGroup d\n"
    else:
        config = f"WSGIPythonHome {venv}\n"
    server.configure(config + GLOBAL + "WSGIScriptAlias / {apps}/in_venv.py\n")
    server.app("in_venv.py", IN_VENV)
    server.start()
    response = server.get("/")
    assert (response.status, response.text) == (200, str(venv)), server.log()


def test_a_python_home_of_another_version_is_refused(httpd: Make, lab: Httpd, mode: str) -> None:
    facts = lab.around("/environment")
    server = httpd(start=False)
    venv = make_venv(server, facts, "3.7.1")
    line = f"WSGIDaemonProcess d python-home={venv}\n" if mode == "daemon" else f"WSGIPythonHome {venv}\n"
    server.configure(line)
    code, output = server.check()
    assert code != 0
    assert "3.7" in output
    assert ".".join(facts["version"].split(".")[:2]) in output
    assert str(venv) in output


def test_a_missing_python_home_is_refused(httpd: Make, mode: str) -> None:
    line = (
        "WSGIDaemonProcess d python-home=/nonexistent/venv\n"
        if mode == "daemon"
        else "WSGIPythonHome /nonexistent/venv\n"
    )
    code, output = httpd(line, start=False).check()
    assert code != 0
    assert "/nonexistent/venv" in output


def test_python_path(httpd: Make, mode: str) -> None:
    if mode == "daemon":
        config = "WSGIDaemonProcess d python-path={root}/one:{root}/two\nWSGIProcessGroup d\n"
    else:
        config = "WSGIPythonPath {root}/one:{root}/two\n"
    server = httpd(config + GLOBAL + "WSGIScriptAlias / {apps}/environment.py\n", start=False)
    for name in ("one", "two", "three"):
        (server.root / name).mkdir()
    (server.root / "one" / "more.pth").write_text(f"{server.root}/three\n")
    server.start()
    path = server.around()["path"]
    wanted = [str(server.root / name) for name in ("one", "three", "two")]
    assert [entry for entry in path if entry in wanted] == wanted
    library = next(i for i, entry in enumerate(path) if entry.endswith("lib-dynload"))
    assert all(path.index(entry) < library for entry in wanted)


# --- restrictions ---


def test_restrict_embedded(httpd: Make) -> None:
    server = httpd(
        "WSGIRestrictEmbedded On\nWSGIDaemonProcess d\n"
        "WSGIScriptAlias /daemon {apps}/groups.py process-group=d application-group=%{GLOBAL}\n"
        "WSGIScriptAlias /embedded {apps}/groups.py\n"
    )
    assert groups(server, "/daemon")["process_group"] == "d"
    mark = len(server.log())
    assert server.get("/embedded").status == 500
    server.wait_log("WSGIRestrictEmbedded|embedded", since=mark)


RESTRICTED = """
import signal, sys

def outcome(use):
    try:
        return repr(use())
    except Exception as error:
        return type(error).__name__

def application(environ, start_response):
    start_response("200 OK", [])
    what = environ["PATH_INFO"].strip("/")
    if what == "stdin":
        return [outcome(lambda: sys.stdin.read()).encode()]
    if what == "stdout":
        return [outcome(lambda: sys.stdout.write("to stdout\\n") and None).encode()]
    before = signal.getsignal(signal.SIGUSR2)
    outcome(lambda: signal.signal(signal.SIGUSR2, lambda *a: None))
    return [repr(signal.getsignal(signal.SIGUSR2) is before).encode()]
"""


def restricted(serve: Make, config: str = "") -> Httpd:
    server = serve("restricted.py", config, start=False)
    server.app("restricted.py", RESTRICTED)
    server.start()
    return server


def test_stdin_and_stdout_by_default(serve: Make) -> None:
    server = restricted(serve)
    assert server.get("/stdin").text == "''"
    assert server.get("/stdout").text == "None"
    server.wait_log("to stdout")


def test_restrict_stdin(serve: Make) -> None:
    assert restricted(serve, "WSGIRestrictStdin On\n").get("/stdin").text in ("OSError", "UnsupportedOperation")


def test_restrict_stdout(serve: Make) -> None:
    assert restricted(serve, "WSGIRestrictStdout On\n").get("/stdout").text in ("OSError", "UnsupportedOperation")


def test_restrict_signal(serve: Make) -> None:
    server = restricted(serve)
    assert server.get("/signal").text == "True"
    server.wait_log("signal")


def test_case_sensitivity(serve: Make) -> None:
    """On is the rule here: two scripts whose names differ in case are two modules."""
    server = serve("groups.py", 'WSGICaseSensitivity On\nWSGIScriptAlias /upper "{apps}/GROUPS.py"\n', start=False)
    (server.apps / "GROUPS.py").write_text((server.apps / "groups.py").read_text())
    text = server.conf.read_text().replace('WSGIScriptAlias / "', 'WSGIScriptAlias /lower "')
    server.conf.write_text(text)
    server.start()
    assert groups(server, "/lower")["count"] == 1
    assert groups(server, "/upper")["count"] == 1
    assert groups(server, "/upper")["name"] != groups(server, "/lower")["name"]


def test_case_sensitivity_off(serve: Make) -> None:
    """Two spellings are one script and one interpreter, as they are on a file system that does not tell case apart."""
    server = serve("groups.py", 'WSGICaseSensitivity Off\nWSGIScriptAlias /upper "{apps}/GROUPS.py"\n', start=False)
    (server.apps / "GROUPS.py").write_text((server.apps / "groups.py").read_text())
    text = server.conf.read_text().replace('WSGIScriptAlias / "', 'WSGIScriptAlias /Lower "')
    server.conf.write_text(text + "<Location />\nWSGIScriptReloading Off\n</Location>\n"
                           "<Location /Lower/own>\nWSGIApplicationGroup %{RESOURCE}\n</Location>\n")  # fmt: skip
    server.start()
    first, second = groups(server, "/Lower"), groups(server, "/upper")
    assert (second["count"], second["name"]) == (2, first["name"])
    assert groups(server, "/Lower/own")["application_group"] == f"localhost:{server.port}|/lower"


# --- requests ---


def test_directives_of_httpd_about_variables(serve: Make) -> None:
    """CGIPassAuth and CGIVar hold for applications as for CGI scripts."""
    server = serve(
        "environment.py",
        "<Location /pass>\nCGIPassAuth On\nCGIVar REQUEST_URI current-uri\n</Location>\n"
        "<Location /pass/not>\nWSGIPassAuthorization Off\nCGIVar REQUEST_URI original-uri\n</Location>\n",
    )
    fields = [("Authorization", "Basic eDp5")]
    seen = {path: json.loads(server.get(path, fields).body)["environ"] for path in ("/no?q", "/pass?q", "/pass/not?q")}
    assert "HTTP_AUTHORIZATION" not in seen["/no?q"]
    assert seen["/pass?q"]["HTTP_AUTHORIZATION"][1] == "Basic eDp5"
    assert "HTTP_AUTHORIZATION" not in seen["/pass/not?q"]
    assert [environ["REQUEST_URI"][1] for environ in seen.values()] == ["/no?q", "/pass", "/pass/not?q"]


@pytest.mark.parametrize(("value", "seen"), [("Off", "HEAD"), ("On", "GET"), ("Auto", "HEAD")])
def test_map_head_to_get(serve: Make, value: str, seen: str) -> None:
    server = serve("method.py", f"WSGIMapHEADToGET {value}\n", start=False)
    server.app(
        "method.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Method', environ['REQUEST_METHOD'])])\n    return [b'body']\n",
    )
    server.start()
    response = server.get("/", method="HEAD")
    assert (response.get("X-Method"), response.body) == (seen, b"")


def test_map_head_to_get_auto_with_a_content_filter(serve: Make) -> None:
    server = serve("method.py", "WSGIMapHEADToGET Auto\nSetOutputFilter DEFLATE\n", start=False)
    server.app(
        "method.py",
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Method', environ['REQUEST_METHOD'])])\n    return [b'body']\n",
    )
    server.start()
    assert server.get("/", method="HEAD").get("X-Method") == "GET"


def test_output_filters_apply(serve: Make) -> None:
    server = serve("responses.py", "SetOutputFilter DEFLATE\n")
    response = server.get("/big_list?n=3", [("Accept-Encoding", "gzip")])
    assert response.get("Content-Encoding") == "gzip"
    assert response.complete
    cut = server.get("/raises_in_iteration?n=x", [("Accept-Encoding", "gzip")])
    assert cut.status == 500 or not cut.complete


def test_virtual_host_overrides_field_by_field(httpd: Make) -> None:
    server = httpd(
        """
WSGIPassAuthorization On
WSGICallableObject other
<VirtualHost *:{port}>
    ServerName first.example
    WSGICallableObject application
    WSGIScriptAlias / {apps}/environment.py
</VirtualHost>
<VirtualHost *:{port}>
    ServerName second.example
    WSGIScriptAlias / {apps}/environment.py
</VirtualHost>
"""
    )
    headers = [("Host", "first.example"), ("Authorization", "Basic x")]
    seen = json.loads(server.get("/", headers).body)["environ"]
    assert seen["HTTP_AUTHORIZATION"][1] == "Basic x"
    assert server.get("/", [("Host", "second.example")]).text == "other callable"


# --- files of the daemons ---


def test_socket_prefix(httpd: Make) -> None:
    server = httpd(
        "WSGISocketPrefix {root}/sockets/s\n" + ONE_GROUP,
        start=False,
    )
    directory = server.root / "sockets"
    directory.mkdir()
    server.start()
    assert groups(server)["process_group"] == "d"
    sockets = list(directory.iterdir())
    assert sockets
    for path in sockets:
        assert path.is_socket()
        assert path.stat().st_mode & 0o777 == 0o600
    server.stop()
    assert list(directory.iterdir()) == []
