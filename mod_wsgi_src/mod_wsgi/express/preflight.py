# SPDX-License-Identifier: Apache-2.0
"""Checks before anything is written or started: what would make httpd or a daemon fail later, said in one line."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from . import places, processes
from .accounts import Account, first_obstacle
from .errors import ExpressError, bad_option
from .files import render
from .model import Model
from .sections.server import module_file, wanted_modules
from .values import is_coming, is_opening

HTTPD_SECONDS = 60  # an httpd that hangs


def check_all(model: Model) -> None:
    """What both plan and setup-server look at. Writes nothing but a scratch directory, which it removes."""
    check_root(model)
    check_readable(model)
    check_scripts(model)
    check_certificate(model)
    check_modules(model)
    check_configuration(model)


def check_root(model: Model) -> None:
    places.check_trusted("server-root", model.server_root)
    if model.settings.log_directory:
        if os.geteuid() == 0 and not model.reader:  # httpd opens its logs as root
            places.check_trusted("log-directory", model.log_directory)
            places.check_own_files("log-directory", model.log_directory)
        _check_place("log-directory", model.log_directory)
    _check_place("server-root", model.server_root)
    if model.settings.pid_file:
        _check_place("pid-file", model.pid_file.parent)


def _check_place(option: str, directory: Path) -> None:
    """A directory that is there must be writable; one that is not yet must be possible."""
    there = next(path for path in [directory, *directory.parents] if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ExpressError(
            f"--{option}: {str(directory)!r} cannot be used, {str(there)!r} is not a directory this user may write to; "
            "give another"
        )


def check_scripts(model: Model) -> None:
    """The scripts are Python: an application that cannot even be compiled must not take the place of one that runs."""
    scripts = [("entry point", model.entry.path)] if model.entry.kind == "script" else []
    scripts += [("--service-script", service.script) for service in model.services]
    scripts += [("--add-handler", path) for _, path in model.add_handler]
    scripts += _asked_scripts(model)
    for what, path in scripts:
        check_python(what, path)


def check_python(what: str, path: Path) -> None:
    if is_coming(path):
        return
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except OSError as error:
        raise ExpressError(f"{what}: {str(path)!r} cannot be read ({error.strerror}); give access to it") from None
    except (SyntaxError, ValueError) as error:
        where = f" line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressError(f"{what}: {str(path)!r}{where} is not Python ({reason}); correct it") from None


def _asked_scripts(model: Model) -> list[tuple[str, Path]]:
    names = ("host-access-script", "auth-user-script", "auth-group-script")
    return [(f"--{name}", getattr(model, name.replace("-", "_"))) for name in names if name in model.settings.given]


def check_readable(model: Model) -> None:
    """As root: the users that daemons run as can reach what they need."""
    if model.account is None:
        return
    needs: list[tuple[str, Account, Path]] = []
    who = model.account
    if model.entry.kind != "static":
        needs += [("virtual environment", who, model.python_home), ("--working-directory", who, model.work_directory)]
    if model.entry.path:
        needs.append(("entry point", who, model.entry.path))
    if model.settings.document_root:
        needs.append(("--document-root", who, model.settings.document_root))
    needs += [("--url-alias", who, path) for _, path in model.url_alias]
    needs += [("--add-handler", who, path) for _, path in model.add_handler]
    needs += [(what, who, path) for what, path in _asked_scripts(model)]
    needs += [("--python-path", who, path) for path in model.python_path]
    needs += [("--service-script", service.account or who, service.script) for service in model.services]
    there = next(path for path in [model.server_root, *model.server_root.parents] if path.exists())
    needs.append(("--server-root", who, there))
    for what, account, path in needs:
        obstacle = None if is_coming(path) else first_obstacle(account, path)
        if obstacle and not is_opening(obstacle):
            raise ExpressError(
                f"{what}: user {account.user!r} cannot reach {str(path)!r}, {str(obstacle)!r} keeps it out; "
                "give access to it or use another place"
            )


class _EncryptedError(Exception):
    """The key wants a passphrase, which httpd asks for."""


def _passphrase() -> str:
    raise _EncryptedError


def check_certificate(model: Model) -> None:
    """httpd looks at certificate and key only when it starts."""
    if not model.https_port:
        return
    certificate, key = model.certificate
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, _passphrase)
    except _EncryptedError:
        return
    except OSError as error:  # ssl.SSLError is one
        raise ExpressError(
            f"--https-port: '{certificate}' and '{key}' are not a certificate and its key ({error.strerror or error}); "
            "give such a pair"
        ) from None


def check_ports(model: Model) -> None:
    """Nobody else listens where this server will."""
    for option, port in (("port", model.port), ("https-port", model.https_port)):
        if port:
            _check_port(model, option, port)


def _check_port(model: Model, option: str, port: int) -> None:
    host = (model.settings.host or "").strip("[]")
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise bad_option(
            "host", model.settings.host, f"cannot be resolved ({error.strerror}); give an address"
        ) from None
    for family, kind, protocol, _, address in found:
        try:
            probe = socket.socket(family, kind, protocol)
        except OSError:
            continue  # no IPv6 on this machine
        with probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)  # and no more: a socket that listens would take a connection meant for the server
            except OSError as error:
                _explain_bind(model, f"--{option}: {port}", error, bool(host))


def _explain_bind(model: Model, what: str, error: OSError, named: bool) -> None:
    """`named`: the user gave this address. One of "all addresses" may be missing, as IPv6 is here and there."""
    if error.errno == errno.EADDRINUSE:
        raise ExpressError(f"{what} is in use on {model.address}; stop what listens there or give another port")
    if error.errno == errno.EACCES:
        raise ExpressError(f"{what} needs the superuser; give one above 1023 or start as root")
    if error.errno == errno.EADDRNOTAVAIL and named:
        raise ExpressError(f"--host: {model.settings.host!r} is no address of this machine; give one of its own")


def check_modules(model: Model) -> None:
    """httpd takes some directives without the module behind them, and ignores them."""
    missing = {name: why for name, why in wanted_modules(model).items() if not module_file(model, name).is_file()}
    if not missing:
        return
    compiled = _run_httpd(model, "-l").stdout
    for name, why in missing.items():
        if f"mod_{name}.c" not in compiled:
            needs = f"which --{why} needs; leave that out" if why else "which every server here needs; install it"
            raise ExpressError(f"{model.httpd.executable} has no mod_{name}, {needs} or see --httpd-executable")


def _run_httpd(model: Model, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [model.httpd.executable, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=HTTPD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExpressError(f"{model.httpd.executable} cannot be run ({error}); see --httpd-executable") from None


def check_not_running(model: Model) -> None:
    pid = processes.server_pid(model.pid_file, model.conf)
    if pid:
        raise ExpressError(
            f"--server-root: the server in {str(model.server_root)!r} runs already (pid {pid}); stop it first"
        )


def _scratch(server_root: Path) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="mod_wsgi-express-"))
    except OSError:  # a read-only file system, with one place to write
        there = next(path for path in [server_root, *server_root.parents] if path.is_dir())
        try:
            return Path(tempfile.mkdtemp(prefix="mod_wsgi-express-", dir=there))
        except OSError as error:
            raise ExpressError(f"--server-root: {str(there)!r} cannot be written ({error.strerror})") from None


def check_configuration(model: Model) -> None:
    """httpd itself reads the configuration, in a scratch directory: the live one stays untouched when it refuses."""
    scratch = _scratch(model.server_root)
    # httpd wants its directories to be there; the logs' and the running server's may not be yet.
    settings = model.settings.without("runtime_directory")
    settings = settings if model.to_terminal else settings.without("log_directory")
    documents = settings.document_root
    settings = settings.without("document_root") if documents and is_coming(documents) else settings
    try:
        trial = dataclasses.replace(model, server_root=scratch, settings=settings)
        (scratch / "htdocs").mkdir()
        for file in render(trial):
            if not file.once:
                file.write()
        done = _run_httpd(model, "-t", "-f", str(trial.conf))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        text = " ".join(lines).replace(str(scratch), str(model.server_root))
        raise ExpressError(
            f"{model.httpd.executable} refuses the configuration: {text or f'exit code {done.returncode}'}"
        )
