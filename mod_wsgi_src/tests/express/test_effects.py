# SPDX-License-Identifier: Apache-2.0
"""What options do that no other file here looks at: by requests, files and processes; and that none is forgotten."""

from __future__ import annotations

import ast
import grp
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.client import Connection
from harness.ports import free_port
from harness.server import server_account
from harness.waiting import until

ROOT = os.geteuid() == 0


@pytest.mark.effect("mime-types", "allow-override", "rewrite-rules", "keep-alive-timeout")
def test_requests_and_files_below_the_document_root(express):
    root = express.directory / "files"
    (root / "private").mkdir(parents=True)
    (root / "page.abc").write_text("content")
    (root / "renamed").write_text("not this")
    (root / "private" / "page.txt").write_text("private")
    (root / "private" / ".htaccess").write_text("Require all denied\n")
    (express.directory / "types").write_text("text/x-abc abc\n")
    (express.directory / "rules.conf").write_text('RewriteEngine On\nRewriteRule "^renamed$" "/page.abc"\n')
    (express.apps / "method.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Method', environ['REQUEST_METHOD']), ('Content-Length', '2')])\n"
        "    return [b'ok']\n"
    )
    words = ["--document-root", root, "--mime-types", express.directory / "types", "--allow-override", "AuthConfig"]
    words += ["--rewrite-rules", express.directory / "rules.conf", "--map-head-to-get", "Off"]
    server = express.start(express.apps / "method.wsgi", *words, "--keep-alive-timeout", 0)
    assert server.fetch("/page.abc").get("Content-Type") == "text/x-abc"
    assert server.fetch("/private/page.txt").status == 403
    assert server.fetch("/other").get("X-Method") == "GET"
    assert server.fetch("/other", method="HEAD").get("X-Method") == "HEAD"
    with Connection(express.port) as connection:
        connection.request("GET", "/other")
        assert connection.response("GET").get("Connection") == "close"
    assert server.fetch("/renamed").body == b"content"


@pytest.mark.effect("map-head-to-get")
def test_head_is_seen_as_get_unless_told_otherwise(express):
    (express.apps / "method.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Method', environ['REQUEST_METHOD'])])\n"
        "    return [b'ok']\n"
    )
    server = express.start(express.apps / "method.wsgi", "--map-head-to-get", "On")
    assert server.fetch("/", method="HEAD").get("X-Method") == "GET"


@pytest.mark.effect(
    "pid-file", "socket-prefix", "access-log-name", "startup-log-name", "error-log-format", "shell-executable"
)
def test_places_names_and_formats(express):
    sockets = express.directory / "s"
    sockets.mkdir()
    logs = ["--access-log", "--access-log-name", "accesses", "--startup-log", "--startup-log-name", "starts"]
    shell = express.directory / "own-shell"
    shell.write_text(f'#!/bin/sh\n: >{express.directory}/own-shell-ran\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    words = ["--pid-file", express.directory / "own.pid", "--socket-prefix", sockets, *logs]
    server = express.start(
        express.apps / "hello.wsgi", *words, "--error-log-format", "<<%M>>", "--shell-executable", shell
    )
    assert server.fetch("/x").status == 200
    assert int((express.directory / "own.pid").read_text()) == server.process.pid
    assert [stat.S_ISSOCK(path.stat().st_mode) for path in sockets.iterdir()] == [True]
    until(lambda: "GET /x" in (express.root / "accesses").read_text(), "the access log")
    assert (express.root / "starts").exists()
    assert "<<AH00489" in (express.root / "error_log").read_text()
    assert (express.directory / "own-shell-ran").exists()


@pytest.mark.effect("group", "service-group")
@pytest.mark.skipif(not ROOT, reason="needs a start as root")
def test_groups(express):
    group = grp.getgrnam("daemon")
    text = "import os\nprint('service sees', '{\"gid\": %d}' % os.getgid(), flush=True)\nimport time\ntime.sleep(99)\n"
    (express.apps / "gid.py").write_text(text)
    (express.apps / "gid.wsgi").write_text(
        "import os\ndef application(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [str(os.getgid()).encode()]\n"
    )
    service = ["--service-script", "s", express.apps / "gid.py", "--service-log", "s", "s_log"]
    server = express.start(express.apps / "gid.wsgi", "--group", "daemon", *service, "--service-group", "s", "mail")
    assert int(server.fetch().body) == group.gr_gid
    found = until(lambda: express.service_sees(express.root / "s_log"), "the service")
    assert found[0] == {"gid": grp.getgrnam("mail").gr_gid}


@pytest.mark.effect("ssl-certificate-chain-file")
def test_a_chain_of_certificates_is_sent(express):
    certificate = express.certificate("pair")
    more = ["--ssl-certificate-chain-file", express.certificate("chain")]
    port = free_port()
    words = ["--https-port", port, "--ssl-certificate-file", certificate, "--ssl-certificate-key-file"]
    express.start(express.apps / "hello.wsgi", *words, certificate.with_suffix(".key"), *more, "--host", "127.0.0.1")
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-showcerts"], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.count("BEGIN CERTIFICATE") == 2


@pytest.mark.effect("profiler-directory", "recorder-directory")
def test_the_output_of_tools_goes_where_it_should(express):
    words = ["--enable-profiler", "--profiler-directory", express.directory / "out" / "profiles"]
    words += ["--enable-recorder", "--recorder-directory", express.directory / "out" / "records"]
    words += ["--allow-exposed-debugging"] if ROOT else []
    server = express.start(express.apps / "hello.wsgi", *words)
    server.fetch()
    server.stop()
    assert {path.suffix for path in (express.directory / "out" / "profiles").iterdir()} == {".txt", ".pstats"}
    assert {path.suffix for path in (express.directory / "out" / "records").iterdir()} > {".iheaders", ".oheaders"}
    if ROOT:
        assert (express.directory / "out" / "profiles").owner() == server_account()[0]


def test_a_service_that_is_stopped_may_finish(express):
    """It gets SIGTERM and its time; a start that fails again and again is tried with pauses."""
    marks = express.directory / "marks"
    marks.mkdir()
    marks.chmod(0o777)
    (marks / "starts").touch()
    (marks / "starts").chmod(0o666)
    (express.apps / "slow.py").write_text(
        "import os, signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep(0.5)\n"
        f"    open({str(marks / 'ended')!r}, 'w').close()\n"
        "    sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(marks / 'begun')!r}, 'w').close()\n"
        "while True:\n    time.sleep(0.05)\n"
    )
    (express.apps / "dying.py").write_text(
        f"import time\nopen({str(marks / 'starts')!r}, 'a').write(f'{{time.monotonic()}}\\n')\nraise SystemExit(1)\n"
    )
    services = [word for name in ("slow", "dying") for word in ("--service-script", name, express.apps / f"{name}.py")]
    server = express.start(express.apps / "hello.wsgi", *services)
    until((marks / "begun").exists, f"the service\n{server.text()}")
    until(lambda: len((marks / "starts").read_text().splitlines()) >= 3, "three starts")
    times = [float(line) for line in (marks / "starts").read_text().splitlines()]
    assert times[2] - times[0] > 1, "without pauses these are a fraction of a second"
    server.stop()
    assert (marks / "ended").exists()


def effects(path: Path) -> Iterator[str]:
    """The options that tests of a file see at work."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.effect":
            yield from (ast.literal_eval(argument) for argument in node.args)


def test_every_option_is_seen_at_work(venv):
    """Not only in what is generated: by requests, files, processes and limits that act."""
    seen = {name for path in Path(__file__).parent.glob("test_*.py") for name in effects(path)}
    code = "import json; from mod_wsgi.express.options import OPTIONS; print(json.dumps([o.name for o in OPTIONS]))"
    done = subprocess.run([venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    names = set(json.loads(done.stdout))
    assert len(names) > 130
    assert (names - seen, seen - names) == (set(), set())
