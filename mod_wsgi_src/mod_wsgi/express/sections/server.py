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
        directive("DefaultRuntimeDir", model.server_root),
        directive("Mutex", f"file:{model.server_root}", "default"),
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


def wanted_modules(model: Model) -> list[str]:
    """Modules of httpd that this configuration needs, and no others."""
    names = ["unixd", "authz_core", "authz_host", "log_config", "mime", "alias", "reqtimeout"]
    names += only_if(model.directory_index or model.directory_listing, "dir")
    names += only_if(model.directory_listing, "autoindex")
    names += only_if(model.document_root, "rewrite")
    names += only_if(model.setenv or model.passenv, "env")
    names += only_if(model.compress_responses, "filter", "deflate")
    names += only_if(model.proxy_mount_point or model.proxy_virtual_host, "proxy", "proxy_http")
    names += only_if(model.server_status, "status")
    names += only_if(model.https_port, "socache_shmcb", "ssl")
    names += only_if(model.hsts_policy, "headers")
    names += only_if(model.http2, "http2")
    return names


def load_module(name: str, path: object) -> list[str]:
    return section(f"IfModule !{name}_module", [f"LoadModule {name}_module {quote(path)}"])


def modules(model: Model) -> list[str]:
    directory = Path(model.httpd.modules_directory)
    lines: list[str] = []
    for name in [f"mpm_{model.mpm}", *wanted_modules(model)]:
        path = directory / f"mod_{name}.so"
        if path.is_file():  # otherwise it is compiled in, or httpd -t names the directive that needs it
            lines += load_module(name, path)
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
