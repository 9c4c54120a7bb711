# SPDX-License-Identifier: Apache-2.0
"""The model of one server: checked settings plus all that follows from them. Reads the system, changes nothing."""

from __future__ import annotations

import ipaddress
import locale
import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from . import accounts, debugging, places
from .accounts import Account
from .errors import ExpressError, UsageError, bad_option
from .httpd import Httpd
from .options import OPTIONS
from .settings import Settings
from .sizing import Sizing, embedded_sizing, sizing
from .values import is_coming

WELCOME = "mod_wsgi.express.welcome"
MIME_TYPES = (Path("/etc/mime.types"), Path("/etc/apache2/mime.types"), Path("/etc/httpd/conf/mime.types"))


@dataclass(frozen=True)
class Entry:
    kind: str  # script | module | paste | static
    path: Path | None = None  # script, paste, static
    module: str = ""  # module
    callable: str = "application"


@dataclass(frozen=True)
class Service:
    name: str
    script: Path
    account: Account | None  # None: the same as the server's
    log: str | None  # file name in the log directory

    @property
    def group(self) -> str:
        return f"service:{self.name}"


@dataclass(frozen=True)
class Model:
    settings: Settings
    httpd: Httpd
    module: Path  # our .so
    python_home: Path
    server_root: Path
    entry: Entry
    account: Account | None  # None: stays the user that starts it
    services: tuple[Service, ...]
    locale: str

    def __getattr__(self, key: str) -> Any:
        """An option that needs no derivation is read straight from the settings."""
        if key.startswith("_") or key == "settings":
            raise AttributeError(key)
        return getattr(self.settings, key)

    # -- names and addresses
    @property
    def address(self) -> str:
        """The host as it stands in URLs and in httpd's configuration."""
        host = (self.settings.host or "localhost").strip("[]")
        return f"[{host}]" if ":" in host else host

    @property
    def canonical_name(self) -> str:
        """For ServerName, which takes no IPv6 address."""
        return self.settings.server_name or ("localhost" if ":" in self.address else self.address)

    @property
    def listen(self) -> str:
        return f"{self.address}:{self.port}" if self.settings.host else str(self.port)

    @property
    def https_listen(self) -> str:
        return f"{self.address}:{self.https_port}" if self.settings.host else str(self.https_port)

    @property
    def certificate(self) -> tuple[Path, Path]:
        """Certificate and key."""
        prefix = self.settings.ssl_certificate
        pair = (Path(f"{prefix}.crt"), Path(f"{prefix}.key"))
        return self.settings.ssl_certificate_file or pair[0], self.settings.ssl_certificate_key_file or pair[1]

    @property
    def mount_points(self) -> tuple[str, ...]:
        return self.mount_point or ("/",)

    @property
    def local_address(self) -> str:
        """An address of this server that a client on this machine reaches."""
        return {"0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(self.address, self.address.strip("[]"))  # noqa: S104

    @property
    def application_daemons(self) -> str:
        """The group the application runs in; empty when httpd runs it, or there is none."""
        return "" if self.entry.kind == "static" or self.embedded_mode else self.group_name

    @property
    def logs(self) -> dict[str, str]:
        """Log files by name; an empty path is the terminal."""
        names = {"error": self.error_log_name}
        names.update({"access": self.access_log_name} if self.access_log else {})
        names.update({f"service:{service.name}": service.log for service in self.services if service.log})
        found = {name: "" if self.to_terminal else str(self.log_directory / file) for name, file in names.items()}
        if self.startup_log:
            found["startup"] = str(self.log_directory / self.startup_log_name)
        return found

    @property
    def url(self) -> str:
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(self.address, self.address)  # noqa: S104
        mount = self.mount_points[0].rstrip("/")
        return f"http://{self.settings.server_name or host}:{self.port}{mount}/"

    @property
    def urls(self) -> list[str]:
        if not self.https_port:
            return [self.url]
        return [self.url, f"https://{self.url.partition('//')[2].replace(f':{self.port}/', f':{self.https_port}/')}"]

    @property
    def group_name(self) -> str:
        if self.settings.embedded_mode:
            return "%{GLOBAL}"
        return self.settings.process_group or f"{self.address}:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """MOD_WSGI_* for application and service scripts. Off means absent: see environment.OWNED for the others."""
        found = {
            "MOD_WSGI_EXPRESS": "true",
            "MOD_WSGI_SERVER_NAME": self.settings.server_name or self.address,
            "MOD_WSGI_SERVER_ALIASES": " ".join(self.server_alias),
        }
        if self.reload_on_changes:
            found["MOD_WSGI_RELOADER_ENABLED"] = "true"
        if self.debug_mode:
            found["MOD_WSGI_DEBUG_MODE"] = "true"
        found.update({f"MOD_WSGI_{tool.upper()}_ENABLED": "true" for tool in debugging.tools(self.settings)})
        return found

    # -- places
    @property
    def conf(self) -> Path:
        return self.server_root / "httpd.conf"

    @property
    def handler(self) -> Path:
        return self.server_root / "handler.wsgi"

    @property
    def service_handler(self) -> Path:
        return self.server_root / "service.wsgi"

    @property
    def asked_scripts(self) -> list[Path]:
        """Scripts that httpd's own processes run."""
        named = (self.host_access_script, self.auth_user_script, self.auth_group_script)
        return [path for path in named if path]

    def resource_script(self, number: int) -> Path:
        """The script behind the number of an --add-handler."""
        return self.server_root / f"resource-{number}.wsgi"

    @property
    def script(self) -> Path:
        """The file the application's URLs are mapped to; the handler has the debugging tools."""
        mapped = self.entry.kind == "script" and not self.debug_mode
        return self.entry.path if mapped and self.entry.path else self.handler

    @property
    def envvars(self) -> Path:
        return self.server_root / "envvars"

    @property
    def prune_script(self) -> Path:
        return self.server_root / "prune-logs"

    @property
    def pid_file(self) -> Path:
        return self.settings.pid_file or self.runtime_directory / "httpd.pid"

    @property
    def runtime_directory(self) -> Path:
        return self.settings.runtime_directory or self.server_root

    @property
    def reader(self) -> Account | None:
        """Who starts httpd when that is not the user who sets it up."""
        return self.account if self.settings.runtime_directory else None

    @property
    def log_directory(self) -> Path:
        return self.settings.log_directory or self.server_root

    @property
    def root_document(self) -> Path:
        if self.entry.kind == "static" and self.entry.path:
            return self.entry.path
        return self.settings.document_root or self.server_root / "htdocs"

    @property
    def work_directory(self) -> Path:
        return self.settings.working_directory or Path.cwd()

    @property
    def socket_directory(self) -> Path:
        given = self.settings.socket_prefix or self.settings.runtime_directory
        return given or places.socket_directory(self.server_root)

    @property
    def mime_types(self) -> Path:
        known = [*MIME_TYPES, Path(self.httpd.executable).parent.parent / "conf" / "mime.types"]
        return self.settings.mime_types or next(
            (path for path in known if path.is_file()), self.server_root / "mime.types"
        )

    @property
    def to_terminal(self) -> bool:
        return self.settings.log_to_terminal and not self.settings.log_directory

    # -- capacity
    @cached_property
    def mpm(self) -> str:
        wanted = [*self.server_mpm, "event", "worker", "prefork"]
        for name in wanted:
            if (Path(self.httpd.modules_directory) / f"mod_mpm_{name}.so").is_file():
                return name
        return "event"  # compiled in; which one, httpd knows

    @cached_property
    def sizing(self) -> Sizing:
        processes = self.processes or 1
        if self.embedded_mode:
            return embedded_sizing(self.mpm, processes, self.threads)
        return sizing(self.settings, self.mpm, processes, self.threads)


def default_locale() -> str:
    """The environment's, unless that is the plain C locale or does not exist here."""
    wanted = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or "C"
    if wanted not in ("C", "POSIX") and locale_exists(wanted):
        return wanted
    return "C.UTF-8" if locale_exists("C.UTF-8") else "en_US.UTF-8"


def locale_exists(name: str) -> bool:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_CTYPE, before)
    return True


def read_entry(settings: Settings, argument: str | None) -> Entry:
    kind, text, name = settings.application_type, settings.entry_point or argument, settings.callable_object
    if kind == "static":
        path = Path.cwd() if text is None else _existing_entry(text, directory=True)
        return Entry("static", path)
    if text is None:
        if "application-type" in settings.given:
            raise UsageError(f"entry point: none given for --application-type {kind}; name the {kind} to serve")
        return Entry("module", module=WELCOME)
    if kind in ("script", "paste"):
        return Entry(kind, _existing_entry(text, directory=False), callable=name)
    module, colon, attribute = text.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module) or (colon and not re.fullmatch(r"[\w.]+", attribute)):
        raise UsageError(f"entry point: {text!r} is not the name of a module; give module or module:callable")
    return Entry("module", module=module, callable=attribute or name)


def _existing_entry(text: str, directory: bool) -> Path:
    """The entry point as an absolute path; it exists, has the right kind and can be read."""
    path = Path(os.path.abspath(os.path.expanduser(text)))
    if is_coming(path):
        return path
    if not path.exists():
        hint = "" if directory or "/" in text or text.endswith((".py", ".wsgi")) else ", or --application-type module"
        raise UsageError(
            f"entry point: {str(path)!r} does not exist; give the path of an existing file or directory{hint}"
        )
    if path.is_dir() != directory:
        raise UsageError(
            f"entry point: {str(path)!r} is {'a file' if directory else 'a directory'}; see --application-type"
        )
    if not os.access(path, os.R_OK):
        raise UsageError(f"entry point: {str(path)!r} cannot be read; give this user access to it")
    return path


def _read_account(settings: Settings) -> Account | None:
    """As root somebody must be named; otherwise nobody else can be."""
    if os.geteuid() == 0:
        if not settings.user:
            raise UsageError(
                "--user: not given and this is the superuser, whom httpd never serves as; name an ordinary user"
            )
        return accounts.account(settings.user, settings.group)
    me = accounts.current_user()
    if settings.user and settings.user != me:
        raise bad_option(
            "user", settings.user, f"is not the user who starts this ({me}); start it as root or leave it out"
        )
    if settings.group and accounts.account(me, settings.group).gid != os.getegid():
        raise bad_option("group", settings.group, "is not the group of this process; start it as root or leave it out")
    return None


def _by_service(settings: Settings, name: str, known: set[str]) -> dict[str, str]:
    """One of the NAME VALUE options of services as a mapping; unknown and repeated names are refused."""
    found: dict[str, str] = {}
    for service, value in getattr(settings, name.replace("-", "_")):
        if service not in known:
            raise bad_option(name, service, "is no service; define it with --service-script")
        if service in found:
            raise bad_option(name, service, "is given twice; keep one")
        found[service] = value
    return found


def _read_services(settings: Settings) -> tuple[Service, ...]:
    names = [name for name, _ in settings.service_script]
    for name in names:
        if names.count(name) > 1:
            raise bad_option("service-script", name, "is given twice; give each service a name of its own")
    known = set(names)
    users, groups = _by_service(settings, "service-user", known), _by_service(settings, "service-group", known)
    logs, more_logs = _by_service(settings, "service-log", known), _by_service(settings, "service-log-file", known)
    for name in logs.keys() & more_logs.keys():
        raise bad_option("service-log-file", name, "has a log by --service-log already; keep one")
    logs.update(more_logs)
    taken = [settings.error_log_name, settings.access_log_name, settings.startup_log_name]
    for name, log in logs.items():
        if taken.count(log) or list(logs.values()).count(log) > 1:
            raise bad_option("service-log", log, f"is the file of another log; name another for service {name}")
    for option, given in (("service-user", users), ("service-group", groups)):
        if given and os.geteuid() != 0:
            raise bad_option(option, next(iter(given.values())), "needs a start as root; leave it out")
    found = []
    for name, script in settings.service_script:
        user = users.get(name) or (settings.user if name in groups else None)
        who = accounts.account(user, groups.get(name)) if user else None
        found.append(Service(name, script, who, logs.get(name)))
    return tuple(found)


def _check_host(settings: Settings) -> None:
    host = (settings.host or "").strip("[]")
    if ":" in host:
        try:
            ipaddress.IPv6Address(host.partition("%")[0])
        except ValueError:
            raise bad_option(
                "host", settings.host, "is not an IPv6 address; give one such as ::1, or --port apart"
            ) from None
    elif re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise bad_option("host", settings.host, "is not an IPv4 address; give one such as 127.0.0.1") from None


def _check_together(settings: Settings, entry: Entry) -> None:
    """Options that exclude or need each other."""
    for option in (option for option in OPTIONS if option.name in settings.given):
        if option.daemon_only and settings.embedded_mode and not settings.debug_mode:
            raise UsageError(f"--{option.name}: has no effect with --embedded-mode; leave out one of the two")
        static = entry.kind == "static" and option.needs == "document-root"
        if option.needs and option.needs not in settings.given and not static:
            raise UsageError(f"--{option.name}: has no effect without --{option.needs}; give both")
    if "log-to-terminal" in settings.given and "rotate-logs" in settings.given and not settings.log_directory:
        raise UsageError(
            "--rotate-logs: a terminal has no log files; leave out --log-to-terminal or give --log-directory"
        )
    if "document-root" in settings.given and entry.kind == "static":
        raise UsageError(
            "--document-root: the entry point of --application-type static is the document root; leave it out"
        )
    if any(url == "/" for url, _ in settings.url_alias):
        raise bad_option("url-alias", "/", "would hide the application; use --document-root")
    if any(url in settings.mount_point for url, _ in settings.url_alias):
        raise UsageError("--url-alias: hides a --mount-point; give another URL path to one of them")
    if settings.add_handler and not (settings.document_root or settings.url_alias):
        raise UsageError("--add-handler: there are no files; give --document-root or --url-alias too")
    if settings.reload_on_changes and settings.embedded_mode and os.geteuid() == 0:
        raise UsageError(
            "--reload-on-changes: with --embedded-mode the application cannot tell a server that root started; start "
            "it as an ordinary user"
        )
    if settings.free_threading and not sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise UsageError(
            "--free-threading: this Python has no build without the global lock; install one, such as 3.14t"
        )
    for name in ("url-alias", "error-document", "setenv", "add-handler"):
        keys = [item[0] for item in getattr(settings, name.replace("-", "_"))]
        for key in keys:
            if keys.count(key) > 1:
                raise bad_option(name, key, "is given twice; keep one")
    _check_tls(settings)
    if settings.proxy_timeout is not None and not (settings.proxy_mount_point or settings.proxy_virtual_host):
        raise UsageError("--proxy-timeout: nothing is proxied; give --proxy-mount-point or --proxy-virtual-host too")
    if settings.header_max_timeout and settings.header_timeout > settings.header_max_timeout:
        raise bad_option("header-timeout", settings.header_timeout, "is longer than --header-max-timeout; give less")
    if settings.body_max_timeout and settings.body_timeout > settings.body_max_timeout:
        raise bad_option("body-timeout", settings.body_timeout, "is longer than --body-max-timeout; give less")


def _check_tls(settings: Settings) -> None:
    if not settings.https_port:
        if settings.https_only:
            raise UsageError("--https-only: has no effect without --https-port; give both")
        return
    if settings.https_port == settings.port:
        raise bad_option("https-port", settings.https_port, "is the port of HTTP; give another")
    if settings.ssl_certificate:
        for suffix in ("crt", "key"):
            if not Path(f"{settings.ssl_certificate}.{suffix}").is_file():
                raise bad_option("ssl-certificate", f"{settings.ssl_certificate}.{suffix}", "does not exist; give it")
    elif not (settings.ssl_certificate_file and settings.ssl_certificate_key_file):
        raise UsageError(
            "--https-port: needs a certificate and its key; give --ssl-certificate, or --ssl-certificate-file and "
            "--ssl-certificate-key-file"
        )


def build(settings: Settings, argument: str | None, httpd: Httpd, module: Path) -> Model:
    """Raises UsageError for what the user can correct in his command line, ExpressError for the rest."""
    entry = read_entry(settings, argument)
    _check_host(settings)
    settings = debugging.adapt(settings)
    _check_together(settings, entry)
    if settings.locale and not locale_exists(settings.locale):
        raise bad_option("locale", settings.locale, "does not exist on this system; `locale -a` lists those that do")
    if settings.rotate_logs and not (settings.rotatelogs_executable or httpd.rotatelogs):
        raise ExpressError(
            f"--rotate-logs: there is no rotatelogs beside {httpd.executable}; install it (Debian: apache2-utils) "
            "or name it with --rotatelogs-executable"
        )
    host = (settings.host or "localhost").strip("[]")
    root = settings.server_root or places.default_server_root(host, settings.port)
    for character in '"\n\r':
        if character in str(root):
            raise ExpressError(f"--server-root: {str(root)!r} contains a quote or a line end; give another")
    model = Model(
        settings=settings,
        httpd=httpd,
        module=module,
        python_home=Path(sys.prefix),
        server_root=root,
        entry=entry,
        account=_read_account(settings),
        services=_read_services(settings),
        locale=settings.locale or default_locale(),
    )
    debugging.check(settings, model.account, entry.kind)
    if settings.http2 and model.mpm == "prefork":
        raise UsageError("--http2: the prefork MPM does not speak it; choose another with --server-mpm")
    return model
