# SPDX-License-Identifier: Apache-2.0
"""Who is measured: builds each module, installs the peers, and writes the httpd configuration that all share."""

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
PEERS = ("uwsgi==2.0.31", "gunicorn==27.0.1")
DISTRIBUTION = "libapache2-mod-wsgi-py3"
PYTHON = "/usr/bin/python3"
NEEDED = ("mpm_event", "authz_core", "alias")
FILE_SIZE = 256 * 1024
CHILD_THREADS = 40

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
ThreadsPerChild {threads}
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
PROXY = """\
LoadModule proxy_module "{libexec}/mod_proxy.so"
LoadModule {scheme}_module "{libexec}/mod_{scheme}.so"
ProxyPass "/" "unix:{root}/peer/socket|{url}"
"""
UWSGI = PROXY.replace("{scheme}", "proxy_uwsgi").replace("{url}", "uwsgi://localhost/")
GUNICORN = PROXY.replace("{scheme}", "proxy_http").replace("{url}", "http://localhost/")


@dataclass(frozen=True)
class Contender:
    """One way to serve the application; `mode` says which row of the reference its ratio is taken against. `peer` is
    the server behind httpd: a command that serves `script` on the unix socket `socket`."""

    name: str
    module: Path
    lines: str
    mode: str
    peer: tuple[str, ...] = ()


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


def make_venv(venv: Path, *packages: str) -> Path:
    """A venv with the distribution's Python; its programs."""
    run(PYTHON, "-m", "venv", str(venv))
    run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--upgrade", "pip", "setuptools", "wheel")
    run(str(venv / "bin/python"), "-m", "pip", "install", "--quiet", *packages)
    return venv / "bin"


def install_module(venv: Path, package: str) -> Path:
    """The Apache module of a package."""
    return Path(run(str(make_venv(venv, package) / "mod_wsgi-express"), "module-location").strip())


def compile_floor(where: Path) -> Path:
    where.mkdir()
    source = Path(shutil.copy(BENCH / "floor/mod_floor.c", where))
    run("apxs", "-c", "-o", str(where / "mod_floor.la"), "-Wc,-O2", str(source))
    return where / ".libs/mod_floor.so"


def peers(programs: Path) -> list[Contender]:
    """One process with five threads each, as the daemon groups."""
    uwsgi = (str(programs / "uwsgi"), "--master", "--processes", "1", "--threads", "5", "--die-on-term")
    uwsgi += ("--disable-logging", "--listen", "100", "--uwsgi-socket", "{socket}", "--chmod-socket=666")
    gunicorn = (str(programs / "gunicorn"), "--worker-class", "gthread", "--workers", "1", "--threads", "5")
    gunicorn += ("--umask", "0", "--bind", "unix:{socket}", "--log-level", "warning", "--pythonpath", "{root}")
    return [
        Contender("uwsgi behind httpd", Path(), UWSGI, "daemon", (*uwsgi, "--wsgi-file", "{script}")),
        Contender("gunicorn behind httpd", Path(), GUNICORN, "daemon", (*gunicorn, "application:application")),
    ]


def distribution(where: Path) -> Path | None:
    """The module of Debian's own package, unpacked and not installed: that would start a server. None elsewhere."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return None
    where.mkdir(mode=0o777)
    where.chmod(0o777)  # apt gives up root's rights to download
    done = subprocess.run(
        ["apt-get", "download", "-qq", DISTRIBUTION], cwd=where, capture_output=True, text=True, check=False
    )
    packages = list(where.glob("*.deb"))
    if done.returncode or not packages:
        return None
    run("dpkg-deb", "-x", str(packages[0]), str(where))
    return next(where.glob("usr/lib/apache2/modules/mod_wsgi.so"), None)


def build(scratch: Path, say: Callable[[str], None]) -> list[Contender]:
    say("compiling the C handler")
    floor = compile_floor(scratch / "floor")
    say("building our module")
    ours = install_module(scratch / "ours", str(BENCH.parent / "mod_wsgi_src"))
    say(f"building the reference, {REFERENCE}")
    theirs = install_module(scratch / "reference", REFERENCE)
    say(f"installing the peers, {' and '.join(PEERS)}")
    programs = make_venv(scratch / "peers", *PEERS)
    older = distribution(scratch / "distribution")
    if not older:
        say(f"no package {DISTRIBUTION} to be had: left out")
    return [
        Contender("C handler", floor, FLOOR, "floor"),
        Contender("reference embedded", theirs, EMBEDDED, "embedded"),
        Contender("ours embedded", ours, EMBEDDED, "embedded"),
        Contender("reference daemon", theirs, DAEMON, "daemon"),
        *([Contender("Debian's daemon", older, DAEMON, "daemon")] if older else []),
        *peers(programs),
        Contender("ours daemon", ours, DAEMON, "daemon"),
    ]


def server_user() -> str | None:
    """httpd that starts as root must be told whom to become."""
    if os.getuid() != 0:
        return None
    for name in ("www-data", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    sys.exit("bench: neither www-data nor nobody is a user here; httpd cannot drop root's rights")


def user_lines() -> str:
    name = server_user()
    return f"User {name}\nGroup #{pwd.getpwnam(name).pw_gid}" if name else ""


def configure(contender: Contender, apache: Apache, root: Path, port: int) -> tuple[Path, list[str]]:
    """The configuration file, and the command of the peer, if there is one."""
    root.mkdir()
    root.chmod(0o755)
    script = Path(shutil.copy(BENCH / "application.py", root / "application.py"))
    (root / "file.bin").write_bytes(b"x" * FILE_SIZE)
    for path in (script, root / "file.bin"):
        path.chmod(0o644)
    (root / "peer").mkdir()
    if name := server_user():
        shutil.chown(root / "peer", name)
    base = BASE.format(root=root, port=port, modules=apache.load_lines(), user=user_lines(), threads=CHILD_THREADS)
    config = root / "httpd.conf"
    places = {"root": root, "module": contender.module, "script": script, "libexec": apache.modules}
    config.write_text(base + contender.lines.format(**places))
    return config, [part.format(root=root, script=script, socket=root / "peer/socket") for part in contender.peer]
