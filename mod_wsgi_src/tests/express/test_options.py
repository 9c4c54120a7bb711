# SPDX-License-Identifier: Apache-2.0
"""Every option of the table: httpd accepts what it generates, and it changes what is generated."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

PROBE = Path(__file__).with_name("probe.py")
LIST = "import json; from mod_wsgi.express import legacy as l, options as o; print(json.dumps({'all': [[x.name, x.daemon_only] for x in o.OPTIONS], 'dropped': {n: d.words for n, d in l.DROPPED.items()}}))"  # noqa: E501


@pytest.fixture(scope="module")
def table(venv: Path) -> dict[str, list]:
    done = subprocess.run([venv / "bin" / "python", "-c", LIST], check=True, capture_output=True, text=True, cwd="/")
    return json.loads(done.stdout)


TIMEOUTS = (
    *("request", "queue", "connect", "socket", "startup", "shutdown", "graceful", "eviction", "deadlock", "inactivity"),
    *("header", "body", "keep-alive"),
)


TLS = "--https-port 8443 --ssl-certificate-file {D}/pair.crt --ssl-certificate-key-file {D}/pair.key"
DEBUG = "--debug-mode --allow-exposed-debugging"


def cases(directory: Path) -> dict[str, list[str]]:
    """For each option words that differ from the default, with what the option needs beside it. {D} is a directory."""
    script = f"--service-script s {directory}/service.py"
    return {
        name: words.format(D=directory).split()
        for name, words in {
            "application-type": "package.web --application-type module",
            "entry-point": "--entry-point {D}/hello.wsgi",
            "callable-object": "--callable-object app",
            "host": "--host 127.0.0.1",
            "port": "--port 8001",
            "process-group": "--process-group shop",
            "application-group": "--application-group shop",
            "embedded-mode": "--embedded-mode",
            "mount-point": "--mount-point /shop",
            "server-name": "--server-name www.example.com",
            "server-alias": "--server-name example.com --server-alias *.example.org",
            "allow-localhost": "--server-name example.com --allow-localhost",
            "processes": "--processes 2",
            "threads": "--threads 9",
            "max-clients": "--max-clients 100",
            "initial-workers": "--max-clients 200 --initial-workers 0.9",
            "minimum-spare-workers": "--max-clients 200 --minimum-spare-workers 0.5",
            "maximum-spare-workers": "--max-clients 200 --maximum-spare-workers 0.9",
            "server-backlog": "--server-backlog 7",
            "daemon-backlog": "--daemon-backlog 7",
            "server-mpm": "--server-mpm worker",
            "send-buffer-size": "--send-buffer-size 65536",
            "receive-buffer-size": "--receive-buffer-size 65536",
            "header-buffer-size": "--header-buffer-size 65536",
            "limit-request-body": "--limit-request-body 1",
            "maximum-requests": "--maximum-requests 1000",
            **{f"{kind}-timeout": f"--{kind}-timeout 7" for kind in TIMEOUTS},
            "header-max-timeout": "--header-max-timeout 50",
            "header-min-rate": "--header-min-rate 50",
            "body-max-timeout": "--body-max-timeout 50",
            "body-min-rate": "--body-min-rate 50",
            "document-root": "--document-root {D}",
            "directory-index": "--document-root {D} --directory-index index.html",
            "directory-listing": "--url-alias /files {D} --directory-listing",
            "allow-override": "--document-root {D} --allow-override FileInfo --allow-override Limit",
            "rewrite-rules": "--document-root {D} --rewrite-rules {D}/empty.conf",
            "url-alias": "--url-alias /one {D} --url-alias /two {D}/hello.wsgi",
            "error-document": "--error-document 404 /missing.html",
            "proxy-mount-point": "--proxy-mount-point /other http://127.0.0.1:9/ --proxy-mount-point /b/ http://[::1]:9/x",
            "proxy-virtual-host": "--proxy-virtual-host other.example.com http://127.0.0.1:9/",
            "proxy-timeout": "--proxy-mount-point /other http://127.0.0.1:9/ --proxy-timeout 3",
            "error-override": "--error-override",
            "https-port": f"{TLS}",
            "ssl-certificate": "--https-port 8443 --ssl-certificate {D}/pair",
            "ssl-certificate-file": f"{TLS}",
            "ssl-certificate-key-file": f"{TLS}",
            "ssl-certificate-chain-file": f"{TLS} --ssl-certificate-chain-file {{D}}/pair.crt",
            "ssl-ca-certificate-file": f"{TLS} --ssl-ca-certificate-file {{D}}/pair.crt",
            "ssl-verify-client": f"{TLS} --ssl-ca-certificate-file {{D}}/pair.crt --ssl-verify-client /in",
            "ssl-environment": f"{TLS} --ssl-environment",
            "https-only": f"{TLS} --server-name www.example.com --https-only",
            "hsts-policy": f"{TLS} --server-name a.example.com --https-only --hsts-policy max-age=9",
            "http2": "--http2",
            "compress-responses": "--compress-responses",
            "chunked-request": "--chunked-request",
            "map-head-to-get": "--map-head-to-get off",
            "enable-sendfile": "--enable-sendfile",
            "setenv": "--setenv TEST_A 1 --setenv TEST_B 2",
            "passenv": "--passenv TEST_C",
            "include-file": "--include-file {D}/empty.conf",
            "user": "--user daemon",
            "group": "--group daemon",
            "working-directory": "--working-directory {D}/package",
            "server-root": "--server-root {D}/other-root",
            "pid-file": "--pid-file {D}/other.pid",
            "runtime-directory": "--runtime-directory {D}/other-run",
            "socket-prefix": "--socket-prefix {D}/package",
            "python-path": "--python-path {D} --python-path {D}/package",
            "reload-on-changes": "--reload-on-changes",
            "disable-reloading": "--disable-reloading",
            "locale": "--locale POSIX",
            "envvars-script": "--envvars-script {D}/empty.conf",
            "httpd-executable": "",  # below: the one that is found anyway changes nothing
            "modules-directory": "",
            "mime-types": "--mime-types {D}/empty.conf",
            "log-directory": "--log-directory {D}/package",
            "log-level": "--log-level info",
            "log-to-terminal": "--log-to-terminal",
            "access-log": "--access-log",
            "access-log-format": "--access-log --access-log-format combined",
            "error-log-format": "--error-log-format [%l]%M",
            "startup-log": "--startup-log",
            "error-log-name": "--error-log-name errors.txt",
            "access-log-name": "--access-log --access-log-name accesses.txt",
            "startup-log-name": "--startup-log --startup-log-name starts.txt",
            "rotate-logs": "--rotate-logs --rotatelogs-executable {D}/empty.conf",
            "max-log-size": "--rotate-logs --rotatelogs-executable {D}/empty.conf --max-log-size 9",
            "rotatelogs-executable": "--rotate-logs --rotatelogs-executable {D}/empty.conf",
            "server-status": "--server-status",
            "service-script": script,
            "service-user": f"{script} --service-user s daemon",
            "service-group": f"{script} --service-group s daemon",
            "service-log": f"{script} --service-log s service_log",
            "service-log-file": f"{script} --service-log-file s service_log",
            "restart-interval": "--restart-interval 900",
            "cpu-time-limit": "--cpu-time-limit 900",
            "interrupt-timeout": "--interrupt-timeout 7",
            "response-socket-timeout": "--response-socket-timeout 7",
            "ignore-activity": "--inactivity-timeout 9 --ignore-activity /health --ignore-activity /ping",
            "add-handler": "--document-root {D} --add-handler .txt {D}/hello.wsgi --add-handler md {D}/hello.wsgi",
            "with-cgi": "--document-root {D} --with-cgi",
            "trust-proxy-header": "--trust-proxy-header X-Forwarded-For --trust-proxy-header X-Forwarded-Proto",
            "trust-proxy": "--trust-proxy-header X-Forwarded-For --trust-proxy 10.0.0.0/8 --trust-proxy ::1",
            "host-access-script": "--host-access-script {D}/hello.wsgi",
            "auth-user-script": "--auth-user-script {D}/hello.wsgi",
            "auth-type": "--auth-user-script {D}/hello.wsgi --auth-type digest",
            "auth-group-script": "--auth-user-script {D}/hello.wsgi --auth-group-script {D}/hello.wsgi",
            "auth-group": "--auth-user-script {D}/hello.wsgi --auth-group-script {D}/hello.wsgi --auth-group staff",
            "python-eggs": "--python-eggs {D}/eggs",
            "python-warnings": "--python-warnings ignore --python-warnings error::DeprecationWarning",
            "switch-interval": "--switch-interval 0.01",
            "orphan-interpreter": "--orphan-interpreter",
            "verbose-debugging": "--verbose-debugging",
            "shell-executable": "--shell-executable /bin/bash",
            "server-metrics": "--server-metrics",
            "free-threading": "",
            "telemetry-service": "--telemetry-service unix:{D}/collector",
            "telemetry-interval": "--telemetry-service unix:{D}/collector --telemetry-interval 5",
            "slow-requests": "--telemetry-service unix:{D}/collector --slow-requests 0.5",
            "telemetry-options": "--telemetry-service unix:{D}/collector --telemetry-options +CaptureUserAgent",
            "keep-logs": "--rotate-logs --rotatelogs-executable {D}/empty.conf --keep-logs 3",
            "debug-mode": DEBUG,
            "enable-debugger": f"{DEBUG} --enable-debugger",
            "debugger-startup": f"{DEBUG} --enable-debugger --debugger-startup",
            "enable-coverage": "",  # needs a package: see test_debugging.py, which has them all in real runs
            "coverage-directory": "",
            "enable-profiler": f"{DEBUG} --enable-profiler",
            "profiler-directory": f"{DEBUG} --enable-profiler --profiler-directory {{D}}/out",
            "enable-recorder": f"{DEBUG} --enable-recorder",
            "recorder-directory": f"{DEBUG} --enable-recorder --recorder-directory {{D}}/out",
            "enable-gdb": f"{DEBUG} --enable-gdb",
            "gdb-executable": f"{DEBUG} --enable-gdb --gdb-executable /bin/sh",
            "allow-exposed-debugging": "",
        }.items()
    }


# Each has a test of its own, some in test_debugging.py.
NOT_GENERATED = {
    *("setup-only", "httpd-executable", "modules-directory"),
    *("enable-coverage", "coverage-directory", "allow-exposed-debugging", "free-threading"),
}
# Options whose case says something only in comparison with a case that has the other words as well.
BESIDE = {
    "server-alias": "--server-name example.com",
    "allow-localhost": "--server-name example.com",
    "initial-workers": "--max-clients 200",
    "minimum-spare-workers": "--max-clients 200",
    "maximum-spare-workers": "--max-clients 200",
    "ssl-certificate-chain-file": TLS,
    "ssl-ca-certificate-file": TLS,
    "ssl-verify-client": f"{TLS} --ssl-ca-certificate-file {{D}}/pair.crt",
    "ssl-environment": TLS,
    "https-only": f"{TLS} --server-name www.example.com",
    "hsts-policy": f"{TLS} --server-name a.example.com --https-only",
    "directory-index": "--document-root {D}",
    "directory-listing": "--url-alias /files {D}",
    "allow-override": "--document-root {D}",
    "rewrite-rules": "--document-root {D}",
    "proxy-timeout": "--proxy-mount-point /other http://127.0.0.1:9/",
    "access-log-format": "--access-log",
    "access-log-name": "--access-log",
    "startup-log-name": "--startup-log",
    "max-log-size": "--rotate-logs --rotatelogs-executable {D}/empty.conf",
    "rotatelogs-executable": "--rotate-logs --rotatelogs-executable {D}/hello.wsgi",
    "service-user": "--service-script s {D}/service.py",
    "service-group": "--service-script s {D}/service.py",
    "service-log": "--service-script s {D}/service.py",
    "service-log-file": "--service-script s {D}/service.py",
    "ignore-activity": "--inactivity-timeout 9",
    "telemetry-interval": "--telemetry-service unix:{D}/collector",
    "slow-requests": "--telemetry-service unix:{D}/collector",
    "telemetry-options": "--telemetry-service unix:{D}/collector",
    "keep-logs": "--rotate-logs --rotatelogs-executable {D}/empty.conf",
    "add-handler": "--document-root {D}",
    "with-cgi": "--document-root {D}",
    "trust-proxy": "--trust-proxy-header X-Forwarded-For",
    "auth-type": "--auth-user-script {D}/hello.wsgi",
    "auth-group-script": "--auth-user-script {D}/hello.wsgi",
    "auth-group": "--auth-user-script {D}/hello.wsgi --auth-group-script {D}/hello.wsgi",
    "enable-debugger": DEBUG,
    "debugger-startup": f"{DEBUG} --enable-debugger",
    "enable-profiler": DEBUG,
    "profiler-directory": f"{DEBUG} --enable-profiler",
    "enable-recorder": DEBUG,
    "recorder-directory": f"{DEBUG} --enable-recorder",
    "enable-gdb": DEBUG,
    "gdb-executable": f"{DEBUG} --enable-gdb",
}


def probe(venv: Path, directory: Path, lines: list[list[str]], *arguments: str) -> list[dict]:
    done = subprocess.run(
        [venv / "bin" / "python", PROBE, *arguments],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        cwd=directory,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_option_changes_what_httpd_accepts(express, venv, table):
    (express.apps / "empty.conf").write_text("# nothing\n")
    express.certificate("pair")
    known = cases(express.apps)
    names = {name for name, _ in table["all"]} - NOT_GENERATED
    if os.geteuid() != 0:
        names -= {"user", "group", "service-user", "service-group"}
    assert names <= known.keys(), "options without a case here"
    common = [*map(str, ["--server-root", express.root, *express.account])]

    def line(words: list[str]) -> list[str]:
        needs_entry = not {"--entry-point", "--application-type"} & set(words)
        return [*common, *([str(express.apps / "variables.wsgi")] if needs_entry else []), *words]

    order = sorted(names)
    beside = [BESIDE.get(name, "").format(D=express.apps).split() for name in order]
    results = probe(venv, express.apps, [line(known[name]) for name in order])
    unique = [list(words) for words in {tuple(words) for words in beside}]
    rendered = dict(
        zip(map(tuple, unique), probe(venv, express.apps, [line(words) for words in unique], "--unchecked"))
    )
    references = [rendered[tuple(words)] for words in beside]
    problems = []
    for name, result, reference in zip(order, results, references):
        assert "files" in reference, reference
        if "error" in result:
            problems.append(f"{name}: {result['error']}")
        elif result["files"] == reference["files"]:
            problems.append(f"{name}: changes nothing")
    assert not problems, "\n".join(problems)


def test_options_of_daemons_are_refused_in_embedded_mode(express, venv, table):
    known = cases(express.apps)
    names = [
        name for name, daemon_only in table["all"] if daemon_only and name not in ("service-user", "service-group")
    ]
    common = [
        *map(str, ["--server-root", express.root, *express.account, express.apps / "hello.wsgi", "--embedded-mode"])
    ]
    for name, result in zip(names, probe(venv, express.apps, [[*common, *known[name]] for name in names])):
        assert "with --embedded-mode" in result.get("error", ""), (name, result.get("error"))


def test_dropped_and_renamed_options_are_noted(express, table):
    words = [f"--{name}" if not count else f"--{name}=1" for name, count in table["dropped"].items()]
    done = express.setup(express.apps / "hello.wsgi", *words, "--lang", "C.UTF-8")
    for name in table["dropped"]:
        assert f"note: --{name}: no effect" in done.stderr
    assert "note: --lang: is called --locale here" in done.stderr
    assert "lang=C.UTF-8" in express.conf()


def test_what_would_be_dangerous_is_refused(express):
    assert "--with-php5: would show the sources" in express.refused("--with-php5")


def test_one_spelling_of_an_option_is_enough(express):
    line = express.refused(express.apps / "hello.wsgi", "--lang", "C.UTF-8", "--locale", "C.UTF-8")
    assert "give one of them" in line


def test_an_unknown_option_gets_a_suggestion(express):
    assert "did you mean --threads?" in express.refused("--thraeds", 3)
    assert "no such option" in express.refused("--zzzzzz")
    done = express.run("status", "--timeout", 3)  # of other commands
    assert (done.returncode, done.stderr) == (2, "mod_wsgi-express status: --timeout: no such option of status\n")
    done = express.run("stop", "--gracefull")
    assert "no such option of stop; did you mean --graceful?" in done.stderr


def test_an_unknown_command_gets_a_suggestion(express):
    for word, expected in (("start", "did you mean start-server?"), ("zzzz", "give one of start-server, setup-server")):
        done = express.run(word)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"'{word}': no such command; {expected}" in done.stderr


def test_version(express):
    done = express.run("--version")
    assert done.returncode == 0
    assert re.fullmatch(r"mod_wsgi-express \d+\.\d+\.\d+\+toolkit\.[\w.]+\n", done.stdout)


def test_unique_abbreviations_are_accepted(express):
    express.setup(express.apps / "hello.wsgi", "--thr", 3, "--request-t", 9)
    assert "threads=3" in express.conf()
    assert "request-timeout=9" in express.conf()


def test_an_ambiguous_abbreviation_is_refused(express):
    assert "ambiguous" in express.refused("--graceful-timeout", 1, "--max", 3)


def test_options_file_and_command_line(express):
    document = {
        "entry": str(express.apps / "hello.wsgi"),
        "options": {"threads": 7, "setenv": [["TEST_SECRET", 'a "quoted" ${HOME} \\ value']], "access_log": True},
    }
    express.setup("--options-file", "-", "--threads", 8, input=json.dumps(document))
    assert "threads=8" in express.conf()
    assert "CustomLog" in express.conf()
    assert (express.root / "httpd.conf").stat().st_mode & 0o777 == 0o600


TOML = """
entry = "{D}/hello.wsgi"
threads = 7
access-log = true
python-path = ["{D}", "{D}/package"]
initial-workers = 0.5
service-script = [["tasks", "{D}/service.py"]]

[setenv]
TEST_A = 'a "quoted" ${{HOME}} value'
"""


def test_config_file_and_command_line(express):
    """The command line wins, for an option as a whole."""
    config = express.directory / "express.toml"
    config.write_text(TOML.format(D=express.apps))
    express.setup("--config", config, "--threads", 8, "--python-path", express.apps)
    conf = express.conf()
    assert "threads=8" in conf
    assert "CustomLog" in conf
    assert f"python-path={express.apps}\n" in conf.replace(" \\\n", "\n")
    assert r'SetEnv "TEST_A" "a \"quoted\" ${MOD_WSGI_DOLLAR}{HOME} value"' in conf
    assert "service:tasks" in conf


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("threads = 'x'", "express.toml: threads: 'x' is not valid"),
        ("thread = 3", "express.toml: thread: no such option; did you mean --threads?"),
        ("threads = [", "is not TOML"),
        ("entry = 3", "entry: 3 is not a text"),
        ("access-log = 1", "access-log: 1 is not valid for a switch"),
    ],
)
def test_wrong_config_file(express, text, expected):
    config = express.directory / "express.toml"
    config.write_text(text)
    assert expected in express.refused("--config", config)


@pytest.mark.parametrize(
    "command",
    [
        *("start-server", "setup-server", "doctor", "plan", "status", "reload", "stop", "logs", "replay"),
        *("module-config", "module-location", "install-module"),
    ],
)
def test_help_is_one_line_an_option(express, command):
    done = express.run(command, "--help", env={"COLUMNS": "120"})
    assert done.returncode == 0
    options = [line for line in done.stdout.splitlines() if line.startswith("  -")]
    assert options
    for line in options:
        assert re.fullmatch(r"  (-h, )?--[a-z0-9-]+( [^ ]+)*? {2,}[A-Za-z].*", line), line
    inside = done.stdout.partition("options:")[2].splitlines()
    assert not [line for line in inside if line.startswith(" " * 20)], "an option takes two lines"
    assert max(map(len, options)) <= 120
    assert done.stdout.startswith(f"usage: mod_wsgi-express {command} ")


def test_overview(express):
    done = express.run("--help")
    assert done.returncode == 0
    assert "Look after a server:\n  status " in done.stdout
    for command in ("start-server", "plan", "reload", "replay", "install-module"):
        assert f"\n  {command} " in done.stdout
    assert "reload" in express.run().stderr


def test_help_is_grouped_and_hides_what_is_not_there(express):
    done = express.run("start-server", "--help")
    assert done.returncode == 0
    assert "Service scripts:" in done.stdout
    assert "--service-log NAME FILE" in done.stdout
    assert "newrelic" not in done.stdout


def test_the_command_works_as_a_module_too(express):
    command = [express.venv / "bin" / "python", "-m", "mod_wsgi.express", "module-location"]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=True)
    assert Path(done.stdout.strip()).is_file()
    assert done.stdout == express.run("module-location").stdout


def test_module_config_and_install_module(express):
    location = express.run("module-location").stdout.strip()
    lines = express.run("module-config").stdout.splitlines()
    assert lines == [f'LoadModule wsgi_module "{location}"', f'WSGIPythonHome "{express.venv}"']
    target = express.directory / "modules"
    assert express.run("install-module", "--modules-directory", target).returncode == 1
    target.mkdir()
    done = express.run("install-module", "--modules-directory", target)
    copy = target / Path(location).name
    assert done.stdout.splitlines()[0] == f'LoadModule wsgi_module "{copy}"'
    assert copy.read_bytes() == Path(location).read_bytes()
    before = copy.stat().st_mtime_ns
    express.run("install-module", "--modules-directory", target)
    assert copy.stat().st_mtime_ns == before


@pytest.mark.effect("httpd-executable", "modules-directory")
def test_another_httpd_can_be_named(express):
    located = json.loads(
        subprocess.run(
            [express.venv / "bin" / "python", "-m", "mod_wsgi.express.httpd"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    wrapper = express.directory / "my-httpd"
    ran = express.directory / "ran"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >>{ran}\nexec {located["executable"]} "$@"\n')
    wrapper.chmod(0o755)
    script = express.apps / "hello.wsgi"
    modules = express.directory / "other modules"
    modules.symlink_to(located["modules_directory"])
    server = express.start(script, "--httpd-executable", wrapper, "--modules-directory", modules)
    assert server.fetch("/x").body == b"app '' '/x'"
    assert "-DFOREGROUND" in ran.read_text()
    assert f'"{modules}/mod_mime.so"' in express.conf()


@pytest.mark.effect("setup-only")
def test_setup_only_does_not_start(express):
    done = express.run("start-server", *express.options(express.apps / "hello.wsgi", "--setup-only"))
    assert done.returncode == 0, done.stderr
    assert (express.root / "httpd.conf").is_file()
    assert not (express.root / "httpd.pid").exists()


def test_static_types_need_no_python(express):
    express.setup(express.apps, "--application-type", "static")
    assert "wsgi" not in express.conf().replace("MOD_WSGI", "").replace("mod_wsgi", "").replace(
        str(express.directory), ""
    )
