# SPDX-License-Identifier: Apache-2.0
"""Servers that start-server runs, as their clients, applications and service scripts see them."""

from __future__ import annotations

import json
import os
import pwd
import re
import signal
import socket
import subprocess

import pytest
from harness.client import Connection
from harness.server import free_port, server_account
from harness.waiting import until

ROOT = os.geteuid() == 0
OFF = (
    "RELOADER_ENABLED",
    "DEBUG_MODE",
    *(f"{tool}_ENABLED" for tool in ("DEBUGGER", "COVERAGE", "PROFILER", "RECORDER", "GDB")),
)
# What a caller's shell may still have from somewhere else.
STALE = {f"MOD_WSGI_{name}": "true" for name in OFF} | {"MOD_WSGI_SERVER_NAME": "stale", "MOD_WSGI_EXPRESS": "stale"}


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def service_sees(text: str) -> list[dict]:
    return [json.loads(found) for found in re.findall(r"service sees (\{.*\})", text)]


# --- the variables ---


@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
def test_variables_of_the_application(express, mode):
    server = express.start(express.apps / "variables.wsgi", *mode, env=STALE)
    assert server.environ() == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "localhost",
        "MOD_WSGI_SERVER_ALIASES": "",
    }


def test_variables_name_server_and_aliases(express):
    words = ["--server-name", "a.example.com", "--server-alias", "b.example.com", "--server-alias", "c.example.com"]
    server = express.start(express.apps / "variables.wsgi", *words, "--reload-on-changes", "--allow-localhost")
    assert server.environ() == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "a.example.com",
        "MOD_WSGI_SERVER_ALIASES": "b.example.com c.example.com",
        "MOD_WSGI_RELOADER_ENABLED": "true",
    }


def test_variables_of_a_module(express):
    (express.apps / "seen.py").write_text((express.apps / "variables.wsgi").read_text())
    server = express.start("seen", "--application-type", "module", "--working-directory", express.apps, env=STALE)
    assert server.environ()["MOD_WSGI_SERVER_NAME"] == "localhost"
    assert "MOD_WSGI_DEBUG_MODE" not in server.environ()


def test_service_with_its_own_log(express):
    words = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    server = express.start(express.apps / "hello.wsgi", *words, env=STALE)
    log = express.root / "tasks_log"
    found = until(lambda: log.exists() and service_sees(log.read_text()), "a line in the log of the service")
    assert found[0]["os"] == {
        "MOD_WSGI_EXPRESS": "true",
        "MOD_WSGI_SERVER_NAME": "localhost",
        "MOD_WSGI_SERVER_ALIASES": "",
    }
    if ROOT:
        assert found[0]["uid"] == pwd.getpwnam(server_account()[0]).pw_uid
    assert "service sees" not in (express.root / "error_log").read_text()
    assert server.fetch().status == 200  # the virtual host of the log takes no request


def test_services_are_independent(express):
    """One without a log writes to the error log; one that is ended comes back, and the other stays."""
    words = ["--service-script", "one", express.apps / "service.py", "--service-log-file", "one", "one_log"]
    more = ["--service-script", "two", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, *more)
    logs = {"one": express.root / "one_log", "two": express.root / "error_log"}

    def pids(name: str) -> list[int]:
        return [found["pid"] for found in service_sees(logs[name].read_text())]

    until(lambda: pids("one") and pids("two"), "both services")
    before, other = pids("one")[-1], pids("two")[-1]
    os.kill(before, signal.SIGTERM)
    until(lambda: pids("one")[-1] != before, f"a successor of the service\n{server.text()}")
    assert pids("two") == [other]


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_service_as_another_user(express):
    words = ["--service-script", "tasks", express.apps / "service.py", "--service-user", "tasks", "daemon"]
    server = express.start(express.apps / "hello.wsgi", *words, "--service-log", "tasks", "tasks_log")
    log = express.root / "tasks_log"
    found = until(lambda: log.exists() and service_sees(log.read_text()), f"the service\n{server.text()}")
    assert found[0]["uid"] == pwd.getpwnam("daemon").pw_uid


# --- addresses ---


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
class TestIpv6:
    def test_all_addresses_by_default(self, express):
        server = express.start(express.apps / "hello.wsgi")
        assert server.fetch(host="::1").status == server.fetch(host="127.0.0.1").status == 200

    @pytest.mark.parametrize("host", ["::1", "[::1]"])
    def test_one_address(self, express, host):
        server = express.start(express.apps / "hello.wsgi", "--host", host, host="::1")
        assert server.fetch(host="::1").status == 200
        assert server.fetch(headers=[("Host", f"[::1]:{express.port}")], host="::1").status == 200
        with pytest.raises(ConnectionRefusedError):
            Connection(express.port, "127.0.0.1")
        assert f"http://[::1]:{express.port}/" in server.output.read_text()

    def test_any_address(self, express):
        server = express.start(express.apps / "hello.wsgi", "--host", "::", host="::1")
        assert server.fetch(host="::1").status == 200


def test_ipv4_address(express):
    server = express.start(express.apps / "hello.wsgi", "--host", "127.0.0.1")
    assert server.fetch().status == 200


def test_host_names(express):
    words = ["--server-name", "www.example.com", "--server-alias", "*.example.org"]
    server = express.start(express.apps / "hello.wsgi", *words)

    def status(host: str) -> int:
        return server.fetch(headers=[("Host", host)]).status

    assert [status(name) for name in ("www.example.com", "x.example.org")] == [200, 200]
    assert [status(name) for name in ("other.example.net", "localhost")] == [403, 403]
    moved = server.fetch("/page", headers=[("Host", "example.com")])
    assert (moved.status, moved.get("Location")) == (301, f"http://www.example.com:{express.port}/page")


# --- the application ---


def test_embedded_mode_has_directory_path_and_environment(express):
    words = ["--embedded-mode", "--working-directory", express.apps, "--python-path", express.apps / "package"]
    server = express.start(express.apps / "variables.wsgi", *words, "--setenv", "TEST_A", "1")
    found = json.loads(server.fetch().body)
    assert found["cwd"] == str(express.apps)
    assert found["path"][:2] == [str(express.apps), str(express.apps / "package")]
    assert found["extra"] == {"TEST_A": "1"}
    assert (found["group"], found["interpreter"]) == ("", "")


def test_daemon_mode_has_directory_path_locale_and_environment(express):
    (express.directory / "env.sh").write_text(
        "TEST_PASSED='from the script'; TEST_SECRET=s; export TEST_PASSED TEST_SECRET\n"
    )
    words = [
        *("--working-directory", express.apps, "--python-path", express.apps / "package"),
        *("--setenv", "TEST_EMPTY", "", "--passenv", "TEST_PASSED"),
        *("--envvars-script", express.directory / "env.sh", "--locale", "C.UTF-8"),
        *("--process-group", "shop", "--application-group", "cellar"),
    ]
    server = express.start(express.apps / "variables.wsgi", *words)
    found = json.loads(server.fetch().body)
    assert found["cwd"] == str(express.apps)
    assert set(found["path"][:2]) == {str(express.apps), str(express.apps / "package")}
    assert found["extra"] == {"TEST_EMPTY": "", "TEST_PASSED": "from the script"}
    assert (found["group"], found["interpreter"]) == ("shop", "cellar")
    assert found["locale"] == "C.UTF-8"
    assert found["secret"] == "s"
    assert found["os"]["MOD_WSGI_EXPRESS"] == "true"


def test_values_arrive_as_they_were_given(express):
    """Nothing that means something to httpd or to a shell is taken for it."""
    values = ['a "quoted" word', "${HOME} $1 %{x}e %1", "back\\slash \\", "'single' #hash", "ümlaut", "trailing\\"]
    options = {"setenv": [[f"TEST_{number}", value] for number, value in enumerate(values)]}
    file = express.directory / "options.json"
    file.write_text(json.dumps({"entry": str(express.apps / "variables.wsgi"), "options": options}))
    found = json.loads(express.start("--options-file", file).fetch().body)["extra"]
    assert [found[f"TEST_{number}"].encode("latin-1").decode() for number in range(len(values))] == values


def test_the_command_line_expands_variables(express):
    server = express.start(express.apps / "variables.wsgi", "--setenv", "TEST_A", "$TEST_B/x", env={"TEST_B": "there"})
    assert json.loads(server.fetch().body)["extra"] == {"TEST_A": "there/x"}


@pytest.mark.parametrize("mode", [[], ["--embedded-mode"]], ids=["daemon", "embedded"])
@pytest.mark.parametrize("entry", ["package.web", "package.web:application", "package.web:site.wsgi"])
def test_module(express, entry, mode):
    words = ["--application-type", "module", "--working-directory", express.apps, *mode]
    assert express.start(entry, *words).fetch().body == b"first"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("package.web:nothing", "has no 'nothing'"),
        ("package.web:number", "is a int, which cannot be called"),
        ("package.none", "No module named 'package.none'"),
    ],
)
def test_module_without_an_application(express, entry, expected):
    server = express.start(entry, "--application-type", "module", "--working-directory", express.apps)
    assert server.fetch().status == 500
    assert expected in (express.root / "error_log").read_text()


def test_callable_object(express):
    (express.apps / "named.wsgi").write_text((express.apps / "hello.wsgi").read_text().replace("application", "site"))
    server = express.start(express.apps / "named.wsgi", "--callable-object", "site")
    assert server.fetch("/x").body == b"app '' '/x'"


def test_mount_point(express):
    server = express.start(express.apps / "hello.wsgi", "--mount-point", "/shop")
    assert server.fetch("/shop/x").body == b"app '/shop' '/x'"
    assert server.fetch("/other").status == 404
    assert server.fetch("/shopping").status == 404


def test_welcome_page(express):
    server = express.start()
    response = server.fetch()
    assert response.status == 200
    assert "The server works" in response.text


def test_directory_with_a_blank_and_other_characters(express):
    odd = express.directory / "a directory, with $odd 'characters' & ümlaut"
    odd.mkdir()
    (odd / "my app.wsgi").write_text((express.apps / "hello.wsgi").read_text())
    (odd / "file.txt").write_text("text")
    server = express.start(odd / "my app.wsgi", "--working-directory", odd, "--url-alias", "/files", odd)
    assert server.fetch("/x").body == b"app '' '/x'"
    assert server.fetch("/files/file.txt").body == b"text"


def test_chunked_requests_are_an_option(express):
    server = express.start(express.apps / "hello.wsgi")
    chunks = [("Transfer-Encoding", "chunked")]
    assert server.fetch("/", chunks, "POST", b"1\r\nx\r\n0\r\n\r\n").status == 411
    server.stop()
    server = express.start(express.apps / "hello.wsgi", "--chunked-request")
    assert server.fetch("/", chunks, "POST", b"1\r\nx\r\n0\r\n\r\n").status == 200


def test_limit_of_the_request_body(express):
    (express.apps / "reads.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    body = environ['wsgi.input'].read()\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [str(len(body)).encode()]\n"
    )
    server = express.start(express.apps / "reads.wsgi", "--limit-request-body", 10)
    assert server.fetch("/", (), "POST", b"x" * 10).body == b"10"
    assert server.fetch("/", (), "POST", b"x" * 11).status == 413


# --- static files, other servers ---


@pytest.fixture
def site(express):
    directory = express.directory / "site"
    (directory / "with").mkdir(parents=True)
    (directory / "without").mkdir()
    (directory / "style.css").write_text("body {}")
    (directory / "with" / "index.html").write_text("index")
    (directory / "without" / "one.txt").write_text("one")
    return directory


def test_document_root(express, site):
    server = express.start(express.apps / "hello.wsgi", "--document-root", site)
    found = server.fetch("/style.css")
    assert (found.body, found.get("Content-Type")) == (b"body {}", "text/css")
    assert server.fetch("/").body == b"app '' '/'"
    assert server.fetch("/missing.css").body == b"app '' '/missing.css'"
    assert server.fetch("/with/").body == b"app '' '/with/'"
    assert server.fetch("/%2e%2e/apps/hello.wsgi").status == 400
    assert server.fetch("/with/%2e%2e/style.css").body == b"body {}"


def test_directory_index(express, site):
    server = express.start(express.apps / "hello.wsgi", "--document-root", site, "--directory-index", "index.html")
    assert server.fetch("/with/").body == b"index"
    assert server.fetch("/with").status == 301
    assert server.fetch("/without/").body == b"app '' '/without/'"


def test_aliases(express, site):
    words = ["--url-alias", "/files", site, "--url-alias", "/files/special", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, "--url-alias", "/robots.txt", site / "style.css")
    assert server.fetch("/files/style.css").body == b"body {}"
    assert server.fetch("/files/missing").status == 404
    assert server.fetch("/files/without/").status == 404
    assert server.fetch("/robots.txt").body == b"body {}"
    assert b"service script" in server.fetch("/files/special").body
    assert server.fetch("/filesystem").body == b"app '' '/filesystem'"


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


def test_error_document(express, site):
    words = ["--url-alias", "/pages", site, "--error-document", "404", "/pages/style.css", "--mount-point", "/shop"]
    server = express.start(express.apps / "hello.wsgi", *words)
    found = server.fetch("/missing")
    assert (found.status, found.body) == (404, b"body {}")


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


# --- logs and status ---


def test_logs_in_their_directory(express):
    logs = express.directory / "logs"
    words = ["--log-directory", logs, "--access-log", "--startup-log", "--error-log-name", "errors"]
    server = express.start(
        express.apps / "hello.wsgi", *words, "--access-log-format", "combined", "--log-level", "info"
    )
    server.fetch("/logged", [("User-Agent", 'an "agent"')])
    until(lambda: "/logged" in (logs / "access_log").read_text(), "a line in the access log")
    assert (logs / "access_log").read_text().rstrip().endswith('"an \\"agent\\""')
    assert "resuming normal operations" in (logs / "errors").read_text()
    assert (logs / "startup_log").exists()
    assert not (express.root / "error_log").exists()
    assert logs.stat().st_mode & 0o007 == 0


def test_logs_on_the_terminal(express):
    words = ["--log-to-terminal", "--access-log", "--service-script", "tasks", express.apps / "service.py"]
    server = express.start(express.apps / "hello.wsgi", *words, "--service-log", "tasks", "tasks_log")
    server.fetch("/logged")
    until(lambda: "GET /logged" in server.output.read_text(), f"the access log\n{server.text()}")
    until(lambda: service_sees(server.output.read_text()), f"the log of the service\n{server.text()}")
    assert "resuming normal operations" in server.output.read_text()
    assert not (express.root / "error_log").exists()


def test_rotated_logs(express):
    program = express.directory / "rotate logs"  # what a start gives it, kept in plain files
    program.write_text('#!/bin/sh\ncat >>"$1.$2"\n')
    program.chmod(0o755)
    words = ["--rotate-logs", "--rotatelogs-executable", program, "--max-log-size", 7, "--access-log"]
    more = ["--service-script", "tasks", express.apps / "service.py", "--service-log", "tasks", "tasks_log"]
    server = express.start(express.apps / "hello.wsgi", *words, *more)
    server.fetch("/logged")
    error, access, tasks = (express.root / f"{name}_log.%Y-%m-%d-%H_%M_%S.7M" for name in ("error", "access", "tasks"))
    until(lambda: access.exists() and "/logged" in access.read_text(), "access log")
    until(lambda: tasks.exists() and service_sees(tasks.read_text()), "service log")
    assert "resuming normal operations" in error.read_text()


def test_server_status(express):
    server = express.start(express.apps / "hello.wsgi", "--server-status")
    assert "Server Version" in server.fetch("/server-status").text
    assert server.fetch("/x").body == b"app '' '/x'"


# --- life ---


@pytest.mark.parametrize("reload", [["--reload-on-changes"], []], ids=["all modules", "entry module"])
def test_a_changed_module_replaces_the_process(express, reload):
    words = ["--application-type", "module", "--working-directory", express.apps]
    server = express.start("package.web", *words, *reload)
    before = server.fetch()
    module = express.apps / "package" / "web.py"
    module.write_text(module.read_text().replace("first", "second"))
    until(lambda: server.fetch().body == b"second", f"the changed module\n{server.text()}")
    assert server.fetch().get("X-Pid") != before.get("X-Pid")


def test_an_imported_module_is_watched_only_on_request(express):
    (express.apps / "helper.py").write_text("WORD = b'first'\n")
    (express.apps / "entry.wsgi").write_text(
        "import helper\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [helper.WORD]\n"
    )
    server = express.start(express.apps / "entry.wsgi", "--working-directory", express.apps, "--reload-on-changes")
    assert server.fetch().body == b"first"
    (express.apps / "helper.py").write_text("WORD = b'other'  # longer than before\n")
    until(lambda: server.fetch().body == b"other", f"the changed module\n{server.text()}")


def test_a_changed_script_is_loaded_again(express):
    server = express.start(express.apps / "hello.wsgi")
    assert server.fetch("/x").body == b"app '' '/x'"
    script = express.apps / "hello.wsgi"
    script.write_text(script.read_text().replace("app ", "new "))
    assert server.fetch("/x").body == b"new '' '/x'"


def test_reloading_can_be_disabled(express):
    server = express.start(express.apps / "hello.wsgi", "--disable-reloading")
    assert server.fetch("/x").body == b"app '' '/x'"
    script = express.apps / "hello.wsgi"
    script.write_text(script.read_text().replace("app ", "new "))
    assert server.fetch("/x").body == b"app '' '/x'"


def test_apachectl(express):
    express.setup(express.apps / "hello.wsgi")
    control = express.root / "apachectl"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", control, *words], env=express.env, capture_output=True, text=True, check=False
        )

    assert run().returncode == 2
    assert run("configtest").returncode == 0
    assert run("status").returncode == 3
    assert run("start").returncode == 0
    try:
        until(lambda: run("status").returncode == 0, "a running server")
        assert f"http://localhost:{express.port}/" in run("status").stdout
        assert run("graceful").returncode == 0
        assert run("status").returncode == 0
    finally:
        assert run("stop").returncode == 0
    until(lambda: run("status").returncode == 3, "its end")


def test_a_service_manager_can_stop_it_by_the_pid_it_started(express):
    """start-server becomes httpd itself: no process in between that could die alone."""
    server = express.start(express.apps / "hello.wsgi")
    assert until((express.root / "httpd.pid").exists, "the pid file")
    assert int((express.root / "httpd.pid").read_text()) == server.process.pid
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def test_prefork_and_worker(express):
    for mpm in ("prefork", "worker"):
        server = express.start(express.apps / "hello.wsgi", "--server-mpm", mpm)
        assert server.fetch("/x").body == b"app '' '/x'"
        server.stop()


@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_application_and_files_of_an_ordinary_user(express):
    server = express.start(express.apps / "variables.wsgi", "--setenv", "TEST_A", "1")
    assert json.loads(server.fetch().body)["uid"] == pwd.getpwnam(server_account()[0]).pw_uid
    for name, mode in (("httpd.conf", 0o600), ("envvars", 0o600), ("handler.wsgi", 0o644), ("apachectl", 0o755)):
        info = (express.root / name).stat()
        assert (info.st_uid, info.st_mode & 0o777) == (0, mode), name


def test_two_servers_side_by_side(express, make_express):
    other = make_express()
    assert free_port() not in (express.port, other.port)
    one, two = express.start(express.apps / "hello.wsgi"), other.start(other.apps / "variables.wsgi")
    one.stop()
    assert two.fetch().status == 200
