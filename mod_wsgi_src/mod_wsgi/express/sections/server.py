# SPDX-License-Identifier: Apache-2.0
"""The server itself: names and places, listeners, modules, capacity, time limits."""

from __future__ import annotations

from pathlib import Path

from ..conf import DOLLAR, directive, on_off, only_if, quote, section
from ..model import Model


def definitions(model: Model) -> list[str]:
    """Variables for files that --include-file brings in."""
    return [
        f"Define {DOLLAR} $",
        directive("Define", "MOD_WSGI_SERVER_ROOT", model.server_root),
        directive("Define", "MOD_WSGI_MODULES_DIRECTORY", model.httpd.modules_directory),
        directive("Define", "MOD_WSGI_LISTENER_HOST", model.settings.host or "None"),
        directive("Define", "MOD_WSGI_HTTP_PORT", model.port),
        directive("Define", "MOD_WSGI_WORKING_DIRECTORY", model.work_directory),
    ]


def identity(model: Model) -> list[str]:
    lines = [
        directive("ServerRoot", model.server_root),
        directive("DefaultRuntimeDir", model.runtime_directory),
        directive("Mutex", f"file:{model.runtime_directory}", "default"),
        directive("PidFile", model.pid_file),
        f"ServerName {model.canonical_name}:{model.port}",
        f"Listen {model.listen}",
        *only_if(model.https_port, f"Listen {model.https_listen} https"),
        *only_if(model.http2, "Protocols h2 h2c http/1.1"),
        f"ListenBacklog {model.server_backlog}",
    ]
    if model.account:
        lines += [directive("User", model.account.user), directive("Group", model.account.group)]
    return lines


def wanted_modules(model: Model) -> dict[str, str]:
    """Modules of httpd that this configuration needs, and no others; with the option that asks for each."""
    found = dict.fromkeys(["unixd", "authz_core", "authz_host", "log_config", "mime", "alias"], "")
    for name, modules in (
        ("directory-index", ["dir"]),
        ("directory-listing", ["dir", "autoindex"]),
        ("document-root", ["rewrite"]),
        ("setenv", ["env"]),
        ("passenv", ["env"]),
        ("compress-responses", ["filter", "deflate"]),
        ("proxy-mount-point", ["proxy", "proxy_http"]),
        ("proxy-virtual-host", ["proxy", "proxy_http"]),
        ("server-status", ["status"]),
        ("auth-user-script", ["authn_core", "authz_user", f"auth_{model.auth_type.lower()}"]),
        ("with-cgi", ["cgi" if model.mpm == "prefork" else "cgid"]),
        ("https-port", ["socache_shmcb", "ssl"]),
        ("hsts-policy", ["headers"]),
        ("http2", ["http2"]),
    ):
        if name in model.settings.given:
            found.update(dict.fromkeys(modules, name))
    return found


def module_file(model: Model, name: str) -> Path:
    return Path(model.httpd.modules_directory) / f"mod_{name}.so"


def load_module(name: str, path: object) -> list[str]:
    return section(f"IfModule !{name}_module", [f"LoadModule {name}_module {quote(path)}"])


def modules(model: Model) -> list[str]:
    lines: list[str] = []
    for name in [f"mpm_{model.mpm}", *wanted_modules(model), "reqtimeout"]:
        if module_file(model, name).is_file():  # otherwise it is compiled in: preflight has looked
            lines += load_module(name, module_file(model, name))
    if model.entry.kind != "static" or model.services:
        lines += load_module("wsgi", model.module)
    return lines


def capacity(model: Model) -> list[str]:
    size = model.sizing
    children = model.maximum_requests if model.embedded_mode else 0
    if model.mpm == "prefork":
        lines = [
            f"ServerLimit {size.server_limit}",
            f"StartServers {size.start_servers}",
            f"MinSpareServers {size.min_spare}",
            f"MaxSpareServers {size.max_spare}",
        ]
    else:
        lines = [
            f"ServerLimit {size.server_limit}",
            f"ThreadLimit {size.thread_limit}",
            f"StartServers {size.start_servers}",
            f"ThreadsPerChild {size.threads_per_child}",
            f"MinSpareThreads {size.min_spare}",
            f"MaxSpareThreads {size.max_spare}",
        ]
        # Threads that never run Python need little stack.
        lines += only_if(not model.embedded_mode, "ThreadStackSize 262144")
    return [*lines, f"MaxRequestWorkers {size.max_workers}", f"MaxConnectionsPerChild {children}", "MaxMemFree 64"]


def hardening(model: Model) -> list[str]:
    return [
        "ServerTokens Prod",
        "ServerSignature Off",
        "TraceEnable Off",
        "HttpProtocolOptions Strict LenientMethods Require1.0",
        "MergeSlashes On",
        "AllowEncodedSlashes Off",
        f"EnableSendfile {on_off(model.enable_sendfile)}",
        f"LimitRequestBody {model.limit_request_body}",
    ]


def _rate(first: int, longest: int, rate: int) -> str:
    if not first:
        return "0"
    return f"{first}{f'-{longest}' if longest else ''}{f',MinRate={rate}' if rate else ''}"


def timeouts(model: Model) -> list[str]:
    header = _rate(model.header_timeout, model.header_max_timeout, model.header_min_rate)
    body = _rate(model.body_timeout, model.body_max_timeout, model.body_min_rate)
    lines = [
        f"Timeout {model.socket_timeout or 60}",
        f"KeepAlive {on_off(model.keep_alive_timeout)}",
        *only_if(model.keep_alive_timeout, f"KeepAliveTimeout {model.keep_alive_timeout}", "MaxKeepAliveRequests 0"),
    ]
    return lines + section("IfModule reqtimeout_module", [f"RequestReadTimeout header={header} body={body}"])
