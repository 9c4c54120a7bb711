# SPDX-License-Identifier: Apache-2.0
"""Who is measured: builds each module and writes the httpd configuration that all of them share."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
REFERENCE = "mod_wsgi==6.1.1"
PYTHON = "/usr/bin/python3"
NEEDED = ("mpm_event", "authz_core", "alias")

# More threads a child than connections: event closes kept-alive connections when its threads run out.
BASE = """\
ServerRoot "{root}"
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile "{root}/httpd.pid"
ErrorLog "{root}/error.log"
LogLevel warn
DefaultRuntimeDir "{root}"
Mutex pthread
{modules}
{user}
StartServers 2
ServerLimit 2
ThreadsPerChild 40
MaxRequestWorkers 80
MinSpareThreads 1
MaxSpareThreads 80
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LimitRequestFields 200
<Directory />
    Options FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
"""
EMBEDDED = """\
LoadModule wsgi_module "{module}"
WSGIScriptAlias / "{script}"
WSGIApplicationGroup %{{GLOBAL}}
"""
DAEMON = (
    EMBEDDED
    + """\
WSGISocketPrefix "{root}/wsgi"
WSGIDaemonProcess bench processes=1 threads=5
WSGIProcessGroup bench
"""
)
FLOOR = """\
LoadModule floor_module "{module}"
SetHandler floor
"""


@dataclass(frozen=True)
class Contender:
    """One module with its configuration; `mode` says which row of the reference its ratio is taken against."""

    name: str
    module: Path
    lines: str
    mode: str


@dataclass(frozen=True)
class Apache:
    program: Path
    modules: Path
    static: str

    @classmethod
    def find(cls) -> Apache:
        def ask(name: str) -> str:
            return run("apxs", "-q", name).strip()

        program = Path(ask("SBINDIR")) / ask("PROGNAME")
        return cls(program, Path(ask("LIBEXECDIR")), run(str(program), "-l"))

    def load_lines(self) -> str:
        wanted = [name for name in (*NEEDED, "unixd") if f"mod_{name}.c" not in self.static]
        return "\n".join(f'LoadModule {name}_module "{self.modules}/mod_{name}.so"' for name in wanted)


def run(*command: str, **environment: str) -> str:
    """Output of a command; its own words when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} failed ({done.returncode}):\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


def install(venv: Path, package: str) -> Path:
    """The Apache module of a package, in a venv of its own with the distribution's Python."""
    run(PYTHON, "-m", "venv", str(venv))
    run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--upgrade", "pip", "setuptools", "wheel")
    run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", package)
    return Path(run(str(venv / "bin/mod_wsgi-express"), "module-location").strip())


def compile_floor(where: Path) -> Path:
    where.mkdir()
    source = Path(shutil.copy(BENCH / "floor/mod_floor.c", where))
    run("apxs", "-c", "-o", str(where / "mod_floor.la"), "-Wc,-O2", str(source))
    return where / ".libs/mod_floor.so"


def build(scratch: Path, say: Callable[[str], None]) -> list[Contender]:
    say("compiling the C handler")
    floor = compile_floor(scratch / "floor")
    say("building our module")
    ours = install(scratch / "ours", str(BENCH.parent / "mod_wsgi_src"))
    say(f"building the reference, {REFERENCE}")
    theirs = install(scratch / "reference", REFERENCE)
    return [
        Contender("C handler", floor, FLOOR, "floor"),
        Contender("reference embedded", theirs, EMBEDDED, "embedded"),
        Contender("ours embedded", ours, EMBEDDED, "embedded"),
        Contender("reference daemon", theirs, DAEMON, "daemon"),
        Contender("ours daemon", ours, DAEMON, "daemon"),
    ]


def user_lines() -> str:
    """httpd that starts as root must be told whom to become."""
    if os.getuid() != 0:
        return ""
    for name in ("www-data", "nobody"):
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        return f"User {name}\nGroup #{account.pw_gid}"
    sys.exit("bench: neither www-data nor nobody is a user here; httpd cannot drop root's rights")


def configure(contender: Contender, apache: Apache, root: Path, port: int) -> Path:
    root.mkdir()
    root.chmod(0o755)
    script = Path(shutil.copy(BENCH / "application.py", root / "application.wsgi"))
    script.chmod(0o644)
    base = BASE.format(root=root, port=port, modules=apache.load_lines(), user=user_lines())
    config = root / "httpd.conf"
    config.write_text(base + contender.lines.format(root=root, module=contender.module, script=script))
    return config
