# SPDX-License-Identifier: Apache-2.0
"""What options do that no other file here looks at: by requests, files and processes; and that none is forgotten."""

from __future__ import annotations

import grp
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from harness.client import Connection
from harness.ports import free_port
from harness.server import server_account
from harness.waiting import until

ROOT = os.geteuid() == 0
# Limits, sizes and waits: the module's and httpd's own tests show that they act. Here: who gets which number.
# fmt: off
NUMBERS = {
    "max-clients": (200, "MaxRequestWorkers 216"),  # whole children of 18 threads
    "initial-workers": (0.5, "StartServers 6"),
    "minimum-spare-workers": (0.25, "MinSpareThreads 54"),
    "maximum-spare-workers": (0.75, "MaxSpareThreads 162"),
    "server-backlog": (77, "ListenBacklog 77"),
    "daemon-backlog": (78, "listen-backlog=78"),
    "send-buffer-size": (65537, "send-buffer-size=65537"),
    "receive-buffer-size": (65538, "receive-buffer-size=65538"),
    "header-buffer-size": (65539, "header-buffer-size=65539"),
    "maximum-requests": (1001, "maximum-requests=1001"),
    "queue-timeout": (11, "queue-timeout=11"),
    "connect-timeout": (12, "connect-timeout=12"),
    "socket-timeout": (13, "Timeout 13", "socket-timeout=13"),
    "startup-timeout": (14, "startup-timeout=14"),
    "shutdown-timeout": (15, "shutdown-timeout=15"),
    "eviction-timeout": (16, "eviction-timeout=16"),
    "deadlock-timeout": (17, "deadlock-timeout=17"),
    "inactivity-timeout": (18, "inactivity-timeout=18"),
    "restart-interval": (19, "restart-interval=19"),
    "cpu-time-limit": (20, "cpu-time-limit=20"),
    "interrupt-timeout": (21, "interrupt-timeout=21"),
    "response-socket-timeout": (22, "response-socket-timeout=22"),
    "ignore-activity": ("/health", '<Location "/health">', "WSGIIgnoreActivity On"),
    "header-timeout": (23, "RequestReadTimeout header=23-33,MinRate=501 body=24-34,MinRate=502"),
    "header-max-timeout": (33, "header=23-33,"),
    "header-min-rate": (501, "header=23-33,MinRate=501"),
    "body-timeout": (24, "body=24-"),
    "body-max-timeout": (34, "body=24-34,"),
    "body-min-rate": (502, "body=24-34,MinRate=502"),
    "orphan-interpreter": (None, "WSGIDestroyInterpreter Off"),
    "verbose-debugging": (None, "WSGIVerboseDebugging On"),
    "enable-sendfile": (None, "EnableSendfile On", "WSGIEnableSendfile On"),
}
# fmt: on


def test_numbers_arrive_where_they_belong(express):
    words = [word for name, (value, *_) in NUMBERS.items() for word in (f"--{name}", value) if word is not None]
    server = express.start(express.apps / "hello.wsgi", *words)
    assert server.fetch("/x").status == 200
    conf = express.conf()
    for name, (_, *lines) in NUMBERS.items():
        for line in lines:
            assert line in conf, name


def test_requests_and_files_below_the_document_root(express):
    root = express.directory / "files"
    (root / "private").mkdir(parents=True)
    (root / "page.abc").write_text("content")
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
    assert "Include" in express.conf()


def test_head_is_seen_as_get_unless_told_otherwise(express):
    (express.apps / "method.wsgi").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('X-Method', environ['REQUEST_METHOD'])])\n"
        "    return [b'ok']\n"
    )
    server = express.start(express.apps / "method.wsgi", "--map-head-to-get", "On")
    assert server.fetch("/", method="HEAD").get("X-Method") == "GET"


def test_places_names_and_formats(express):
    sockets = express.directory / "s"
    sockets.mkdir()
    logs = ["--access-log", "--access-log-name", "accesses", "--startup-log", "--startup-log-name", "starts"]
    words = ["--pid-file", express.directory / "own.pid", "--socket-prefix", sockets, *logs]
    server = express.start(
        express.apps / "hello.wsgi", *words, "--error-log-format", "<<%M>>", "--shell-executable", "/bin/bash"
    )
    assert server.fetch("/x").status == 200
    assert int((express.directory / "own.pid").read_text()) == server.process.pid
    assert [stat.S_ISSOCK(path.stat().st_mode) for path in sockets.iterdir()] == [True]
    until(lambda: "GET /x" in (express.root / "accesses").read_text(), "the access log")
    assert (express.root / "starts").exists()
    assert "<<AH00489" in (express.root / "error_log").read_text()
    assert (express.root / "apachectl").read_text().startswith("#!/bin/bash\n")


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


def test_time_limit_of_another_server(express):
    words = ["--proxy-mount-point", "/other/", "http://127.0.0.1:9/", "--proxy-timeout", 3]
    assert "ProxyTimeout 3" in express.rendered(express.apps / "hello.wsgi", *words)


def test_the_profile_goes_where_it_should(express):
    words = ["--enable-profiler", "--profiler-directory", express.directory / "out" / "profiles"]
    words += ["--allow-exposed-debugging"] if ROOT else []
    server = express.start(express.apps / "hello.wsgi", *words)
    server.fetch()
    server.stop()
    assert {path.suffix for path in (express.directory / "out" / "profiles").iterdir()} == {".txt", ".pstats"}
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


def test_no_option_is_untested(venv):
    """Every one stands in a test of its effect, beside the table of test_options.py and the errors."""
    here = Path(__file__).parent
    text = "".join(path.read_text() for path in here.glob("test_*.py") if path.name not in ("test_errors.py",))
    options = (here / "test_options.py").read_text()
    text = text.replace(options[options.index("def cases(") : options.index("def probe(")], "")
    code = "import json; from mod_wsgi.express.options import OPTIONS; print(json.dumps([o.name for o in OPTIONS]))"
    done = subprocess.run([venv / "bin" / "python", "-c", code], capture_output=True, text=True, check=True, cwd="/")
    names = json.loads(done.stdout)
    assert len(names) > 130
    assert [name for name in names if not re.search(rf"--{name}(?![a-z-])", text) and name not in NUMBERS] == []
