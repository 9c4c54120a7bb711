# SPDX-License-Identifier: Apache-2.0
"""Bad input: one line that names the option, what was found and the fix; an exit code; nothing written."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest
from harness.server import server_account

ROOT = os.geteuid() == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--port", "0"], "--port: '0' is not valid; give a whole number from 1 to 65535"),
        (["--port", "80x"], "--port: '80x'"),
        (["--threads", "-1"], "--threads: '-1'"),
        (["--initial-workers", "2"], "--initial-workers: '2' is not valid; give a number from 0 to 1"),
        (["--application-type", "ruby"], "--application-type: 'ruby' is not one of script, module, paste, static"),
        (["--mount-point", "shop"], "--mount-point: 'shop' is not a URL path"),
        (["--url-alias", "/x"], "--url-alias"),
        (["--url-alias", "/x", "/nowhere/at/all"], "--url-alias: '/nowhere/at/all' does not exist"),
        (["--url-alias", "/", "{D}"], "use --document-root"),
        (["--host", "::g"], "--host: '::g'"),
        (["--host", "1.2.3.400"], "--host: '1.2.3.400' is not an IPv4 address"),
        (["--server-alias", "x.example.com"], "--server-alias: has no effect without --server-name"),
        (["--document-root", "{D}/hello.wsgi"], "--document-root"),
        (["--user", "no-such-user"], "--user: 'no-such-user' is no user of this system"),
        (["--user", "root"], "--user: 'root' is the superuser"),
        (["--group", "no-such-group"], "--group: 'no-such-group' is no group"),
        (["--locale", "xx_XX.UTF-8"], "--locale: 'xx_XX.UTF-8' does not exist"),
        (["--log-level", "Loud!"], "--log-level: 'Loud!'"),
        (["--max-clients", "2"], "--max-clients: 2 is less than the 5 threads"),
        (["--service-script", "a", "{D}/service.py", "--service-script", "a", "{D}/service.py"], "'a' is given twice"),
        (["--service-script", "a b", "{D}/service.py"], "--service-script: 'a b'"),
        (["--service-script", "a", "{D}/none.py"], "none.py' does not exist"),
        (["--service-log", "a", "a_log"], "--service-log: 'a' is no service; define it with --service-script"),
        (["--service-script", "a", "{D}/service.py", "--service-log", "a", "../a"], "give a plain file name"),
        (["--service-script", "a", "{D}/service.py", "--service-log", "a", "error_log"], "is the file of another log"),
        (
            ["--service-script", "a", "{D}/service.py", "--service-log", "a", "x", "--service-log-file", "a", "y"],
            "has a log by --service-log already",
        ),
        (["--setenv", "A", "1", "--setenv", "A", "2"], "--setenv: 'A' is given twice"),
        (["--trust-proxy-header", "X-A", "--trust-proxy", "10.0.0"], "--trust-proxy: '10.0.0' is no address"),
        (["--trust-proxy", "10.0.0.1"], "--trust-proxy: has no effect without --trust-proxy-header"),
        (["--add-handler", ".md", "{D}/hello.wsgi"], "--add-handler: there are no files"),
        (["--auth-group", "staff"], "--auth-group: has no effect without --auth-group-script"),
        (["--mount-point", "/a", "--url-alias", "/a", "{D}"], "--url-alias: hides a --mount-point"),
        (["--document-root", "x" * 300], "is not a path (File name too long)"),
        (["--setenv", "A", "line\nbreak"], "control character"),
        (["--include-file", "{D}/none.conf"], "none.conf' does not exist"),
        (["extra"], "'extra' is one too many"),
        (["--options-file", "{D}/none.json"], "--options-file"),
        (["--options-file", "{D}/hello.wsgi"], "is not JSON"),
    ],
)
def test_wrong_words(express, words, expected):
    line = express.refused(express.apps / "hello.wsgi", *[word.format(D=express.apps) for word in words])
    assert expected in line


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threads": True}, "--threads: True is not a word"),
        ({"access-log": "yes"}, "--access-log: 'yes' is not valid for a switch"),
        ({"setenv": {"A": "1"}}, "--setenv: {'A': '1'} is not a list"),
        ({"setenv": ["A"]}, "--setenv: 'A' is not complete; give NAME VALUE"),
        ({"thread": 3}, "--thread: no such option; did you mean --threads?"),
        ({"with-php5": True}, "--with-php5: would show"),
    ],
)
def test_wrong_options_file(express, options, expected):
    document = json.dumps({"entry": str(express.apps / "hello.wsgi"), "options": options})
    assert expected in express.refused("--options-file", "-", input=document)


@pytest.mark.parametrize(
    ("entry", "words", "expected"),
    [
        ("none.wsgi", [], "none.wsgi' does not exist"),
        ("package.web", [], "--application-type module"),
        ("{D}/package", [], "is a directory"),
        ("{D}/hello.wsgi", ["--application-type", "static"], "is a file"),
        ("not a module", ["--application-type", "module"], "is not the name of a module"),
        ("package.web:", ["--application-type", "module"], "is not the name of a module"),
    ],
)
def test_wrong_entry_point(express, entry, words, expected):
    assert expected in express.refused(entry.format(D=express.apps), *words)


def test_scripts_that_are_not_python(express):
    bad = express.apps / "bad.wsgi"
    bad.write_text("def application(environ, start_response):\n    return [\n")
    assert f"entry point: '{bad}' line 2 is not Python" in express.refused(bad, code=1)
    line = express.refused(express.apps / "hello.wsgi", "--service-script", "a", bad, code=1)
    assert f"--service-script: '{bad}' line 2" in line


def test_no_entry_point_for_a_type_that_needs_one(express):
    assert "none given for --application-type script" in express.refused("--application-type", "script")


def test_httpd_refuses_an_included_file(express):
    bad = express.directory / "bad.conf"
    bad.write_text("NoSuchDirective On\n")
    line = express.refused(express.apps / "hello.wsgi", "--include-file", bad, code=1)
    assert "NoSuchDirective" in line
    assert str(bad) in line


def test_what_was_there_stays_when_httpd_refuses(express):
    bad = express.directory / "more.conf"
    bad.write_text("# fine\n")
    express.setup(express.apps / "hello.wsgi", "--include-file", bad)
    before = express.conf()
    bad.write_text("NoSuchDirective On\n")
    done = express.run(
        "setup-server", *express.options(express.apps / "hello.wsgi", "--include-file", bad, "--threads", 3)
    )
    assert done.returncode == 1
    assert express.conf() == before


def test_port_in_use(express):
    with socket.socket() as other:
        other.bind(("127.0.0.1", express.port))
        other.listen(1)
        done = express.run("start-server", *express.options(express.apps / "hello.wsgi", "--host", "127.0.0.1"))
    assert done.returncode == 1
    assert f"--port: {express.port} is in use" in done.stderr
    assert not express.root.exists()


def test_the_look_at_a_port_takes_no_connections(express):
    """Clients and tests that wait for the server would be cut off by a socket that listens for a moment."""
    code = (
        "import socket, sys\n"
        "from types import SimpleNamespace\n"
        "from mod_wsgi.express import preflight\n"
        "def listen(*_): sys.exit('it listens')\n"
        "socket.socket.listen = listen\n"
        "settings = SimpleNamespace(host=None)\n"
        f"preflight.check_ports(SimpleNamespace(port={express.port}, https_port=None, settings=settings))\n"
    )
    done = subprocess.run([express.venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_foreign_address(express):
    done = express.run("start-server", *express.options(express.apps / "hello.wsgi", "--host", "192.0.2.1"))
    assert done.returncode == 1
    assert "--host: '192.0.2.1' is no address of this machine" in done.stderr


def test_a_second_server_in_the_same_root(express):
    express.start(express.apps / "hello.wsgi")
    done = express.run("start-server", *express.options(express.apps / "hello.wsgi"))
    assert done.returncode == 1
    assert "runs already" in done.stderr


def test_root_directory_that_others_may_write(express):
    express.root.mkdir()
    express.root.chmod(0o777)
    done = express.run("setup-server", *express.options(express.apps / "hello.wsgi"))
    assert done.returncode == 1
    assert "writable by others" in done.stderr
    assert list(express.root.iterdir()) == []


def test_root_that_is_too_long_for_sockets(express):
    long = express.directory / ("x" * 90)
    environ = {"XDG_RUNTIME_DIR": "", "XDG_CACHE_HOME": "/" + "y" * 90, "HOME": "/" + "y" * 90}
    options = ["--server-root", long, "--port", express.port, *express.account, express.apps / "hello.wsgi"]
    done = express.run("setup-server", *options, env=environ)
    if ROOT:  # there is always a short private directory
        assert done.returncode == 0, done.stderr
        directory = next(line for line in (long / "httpd.conf").read_text().splitlines() if "WSGISocketPrefix" in line)
        assert str(long) not in directory
        made = Path(directory.split('"')[1]).parent
        made.rmdir()
        with contextlib.suppress(OSError):  # that of another server, or not empty
            made.parent.rmdir()
    else:
        assert done.returncode == 1
        assert "too long" in done.stderr or "no private directory" in done.stderr


@pytest.mark.skipif(not ROOT, reason="only the superuser can start a server as somebody else")
class TestAsRoot:
    def test_no_user(self, express):
        done = express.run("setup-server", "--server-root", express.root, express.apps / "hello.wsgi")
        assert done.returncode == 2
        assert "--user: not given and this is the superuser" in done.stderr
        assert not express.root.exists()

    def test_entry_that_the_user_cannot_reach(self, express):
        closed = express.directory / "closed"
        closed.mkdir(mode=0o700)
        (closed / "app.wsgi").write_text("")
        line = express.refused(closed / "app.wsgi", code=1)
        assert f"'{closed}' keeps it out" in line
        assert server_account()[0] in line
        words = express.options(closed / "app.wsgi")
        assert express.run("plan", *words, "--opening", closed / "app.wsgi").returncode == 1
        assert express.run("plan", *words, "--opening", closed).returncode == 0

    def test_service_that_its_user_cannot_reach(self, express):
        (express.apps / "service.py").chmod(0o600)
        line = express.refused(
            express.apps / "hello.wsgi", "--service-script", "a", express.apps / "service.py", code=1
        )
        assert "--service-script" in line
        assert "service.py' keeps it out" in line

    def test_root_directory_of_somebody_else(self, express):
        express.root.mkdir()
        os.chown(express.root, 65534, 65534)
        done = express.run("setup-server", *express.options(express.apps / "hello.wsgi"))
        assert done.returncode == 1
        assert "belongs to user #65534" in done.stderr

    def test_an_ordinary_user_gets_a_private_directory(self, express):
        """Without --server-root, and not below a directory that others can write to."""
        with tempfile.TemporaryDirectory(dir="/tmp") as directory:  # short: sockets lie below it
            self.check_private_directory(express, Path(directory))

    def check_private_directory(self, express, home):
        os.chown(home, 65534, 65534)
        environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        words = [
            "setup-server",
            express.apps / "hello.wsgi",
            "--port",
            express.port,
            "--working-directory",
            express.apps,
        ]
        done = subprocess.run(
            express.command(*words),
            env=environ,
            user=65534,
            group=65534,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        root = home / ".cache" / "mod_wsgi-express" / f"localhost_{express.port}"
        assert f"Server root      : {root}\n" in done.stdout
        assert root.stat().st_mode & 0o777 == 0o700
        assert root.parent.stat().st_mode & 0o777 == 0o700
