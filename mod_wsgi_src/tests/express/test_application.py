# SPDX-License-Identifier: Apache-2.0
"""Entry points and how the application is called."""

from __future__ import annotations

import json
import subprocess

import pytest


@pytest.mark.effect("embedded-mode")
def test_embedded_mode_has_directory_path_and_environment(express):
    words = ["--embedded-mode", "--working-directory", express.apps, "--python-path", express.apps / "package"]
    server = express.start(express.apps / "variables.wsgi", *words, "--setenv", "TEST_A", "1")
    found = json.loads(server.fetch().body)
    assert found["cwd"] == str(express.apps)
    assert found["path"][:2] == [str(express.apps), str(express.apps / "package")]
    assert found["extra"] == {"TEST_A": "1"}
    assert (found["group"], found["interpreter"]) == ("", "")


@pytest.mark.effect(
    "working-directory",
    "python-path",
    "setenv",
    "passenv",
    "envvars-script",
    "locale",
    "process-group",
    "application-group",
)
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


@pytest.mark.effect("application-type")
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


@pytest.mark.effect("callable-object")
def test_callable_object(express):
    (express.apps / "named.wsgi").write_text((express.apps / "hello.wsgi").read_text().replace("application", "site"))
    server = express.start(express.apps / "named.wsgi", "--callable-object", "site")
    assert server.fetch("/x").body == b"app '' '/x'"


@pytest.mark.effect("entry-point")
def test_entry_point_by_name(express):
    other = express.apps / "hello.wsgi"
    server = express.start(express.apps / "variables.wsgi", "--entry-point", other)
    assert server.fetch("/x").body == b"app '' '/x'"


@pytest.mark.effect("free-threading")
def test_free_threading(express):
    """Where Python can; elsewhere the option is refused."""
    script = express.apps / "gil.wsgi"
    script.write_text(
        "import sys\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [str(sys._is_gil_enabled()).encode()]\n"
    )
    code = "import sysconfig; print(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))"
    done = subprocess.run([express.venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    if done.stdout == "False\n":
        assert "--free-threading: this Python has no build" in express.refused(script, "--free-threading")
    else:
        assert express.start(script, "--free-threading").fetch().body == b"False"


@pytest.mark.effect("mount-point")
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


@pytest.mark.effect("chunked-request")
def test_chunked_requests_are_an_option(express):
    server = express.start(express.apps / "hello.wsgi")
    chunks = [("Transfer-Encoding", "chunked")]
    assert server.fetch("/", chunks, "POST", b"1\r\nx\r\n0\r\n\r\n").status == 411
    server.stop()
    server = express.start(express.apps / "hello.wsgi", "--chunked-request")
    assert server.fetch("/", chunks, "POST", b"1\r\nx\r\n0\r\n\r\n").status == 200


@pytest.mark.effect("limit-request-body")
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
