# SPDX-License-Identifier: Apache-2.0
"""The application and the service scripts: every directive of our own module."""

from __future__ import annotations

from .. import roster
from ..accounts import Account
from ..conf import directive, on_off, only_if, option, quote, section, spread
from ..model import Model, Service
from .logging import error_log

# A port nobody listens on: the virtual host lends its error log to a service and never gets a request.
NO_PORT = "127.0.0.1:1"


def _identity(account: Account | None) -> list[str]:
    return [option("user", account.user), option("group", account.group)] if account else []


def _python(model: Model) -> list[str]:
    """What application and service daemons have in common."""
    lines = [option("home", model.work_directory), option("lang", model.locale), option("locale", model.locale)]
    if model.python_path:
        lines.append(option("python-path", ":".join(str(path) for path in model.python_path)))
    return lines


def _daemon(model: Model) -> list[str]:
    parts = ["display-name=%{GROUP}", *_identity(model.account), *_python(model)]
    if model.processes is not None:
        parts.append(option("processes", model.processes))
    parts += [option("threads", model.threads), option("listen-backlog", model.daemon_backlog)]
    for name in (
        "queue-timeout", "connect-timeout", "socket-timeout", "request-timeout", "startup-timeout", "graceful-timeout",
        "eviction-timeout", "shutdown-timeout", "deadlock-timeout", "inactivity-timeout", "maximum-requests",
        "interrupt-timeout", "restart-interval",
    ):  # fmt: skip
        parts.append(option(name, getattr(model, name.replace("-", "_"))))
    parts += only_if(model.server_metrics, "server-metrics=On")
    for name in (
        "send-buffer-size", "receive-buffer-size", "header-buffer-size", "cpu-time-limit", "response-socket-timeout",
        "switch-interval", "python-eggs",
    ):  # fmt: skip
        if name in model.settings.given:
            parts.append(option(name, getattr(model, name.replace("-", "_"))))
    return spread(f"WSGIDaemonProcess {quote(model.group_name)}", parts)


def _target(model: Model) -> list[str]:
    return [option("process-group", model.group_name), option("application-group", model.application_group)]


def python(model: Model) -> list[str]:
    if model.entry.kind == "static" and not model.services:
        return []
    lines = [directive("WSGIPythonHome", model.python_home), f"WSGIRestrictEmbedded {on_off(not model.embedded_mode)}"]
    if model.application_daemons or model.services:
        lines.append(directive("WSGIDaemonList", model.runtime_directory / roster.NAME))
    if not model.embedded_mode:
        lines.append(directive("WSGISocketPrefix", model.socket_directory / "wsgi"))
    else:
        lines += _embedded_python(model)
    lines += [directive("WSGIPythonWarnings", text) for text in model.python_warnings]
    lines += only_if(model.orphan_interpreter, "WSGIDestroyInterpreter Off")
    lines += only_if(model.free_threading, "WSGIFreeThreading On")
    lines += only_if(model.server_metrics, "WSGIServerMetrics On")
    return lines + _telemetry(model)


def _telemetry(model: Model) -> list[str]:
    if not model.telemetry_service:
        return []
    lines = [directive("WSGITelemetryService", model.telemetry_service, f"interval={model.telemetry_interval:g}")]
    lines += only_if(model.slow_requests is not None, f"WSGISlowRequests {model.slow_requests or 0:g}")
    return lines + only_if(model.telemetry_options, " ".join(["WSGITelemetryOptions", *model.telemetry_options]))


def _embedded_python(model: Model) -> list[str]:
    """What a daemon group has as options."""
    lines = []
    if model.python_path:
        lines.append(directive("WSGIPythonPath", ":".join(str(path) for path in model.python_path)))
    if model.python_eggs:
        lines.append(directive("WSGIPythonEggs", model.python_eggs))
    if model.switch_interval:
        lines.append(f"WSGISwitchInterval {model.switch_interval}")
    return lines


def application(model: Model) -> list[str]:
    if model.entry.kind == "static":
        return []
    lines = [] if model.embedded_mode else _daemon(model)
    lines += [
        f"WSGICallableObject {model.entry.callable if model.entry.kind == 'script' else 'application'}",
        "WSGIPassAuthorization On",
        f"WSGIScriptReloading {on_off(not model.disable_reloading)}",
        f"WSGIChunkedRequest {on_off(model.chunked_request)}",
        f"WSGIMapHEADToGET {model.map_head_to_get}",
        f"WSGIEnableSendfile {on_off(model.enable_sendfile)}",
        *only_if(model.error_override, "WSGIErrorOverride On"),
    ]
    if model.script != model.handler:
        # Sets up the process; the alias below then loads the script itself.
        lines += spread(directive("WSGIImportScript", model.handler), _target(model))
    # Longer URL paths first: the first match wins.
    for url in sorted(model.mount_points, key=len, reverse=True):
        lines += spread(directive("WSGIScriptAlias", url, model.script), _target(model))
    inside = section(f"Files {quote(model.script.name)}", ["Require all granted"])
    return lines + section(f"Directory {quote(model.script.parent)}", inside)


def handlers(model: Model) -> list[str]:
    """Below the document root and in aliases: files that a script answers for."""
    lines: list[str] = []
    for number, (extension, _) in enumerate(model.add_handler):
        name = f"wsgi-file-{number}"
        lines += spread(directive("WSGIHandlerScript", name, model.resource_script(number)), _target(model))
        lines.append(directive("AddHandler", name, f".{extension.lstrip('.')}"))
    if model.with_cgi:
        lines.append("AddHandler cgi-script .cgi")
        lines += only_if(model.mpm != "prefork", directive("ScriptSock", model.runtime_directory / "cgisock"))
    return lines


def _service(model: Model, service: Service) -> list[str]:
    parts = ["display-name=%{GROUP}", *_identity(service.account or model.account), *_python(model)]
    parts += ["processes=1", "threads=0", option("shutdown-timeout", model.shutdown_timeout)]
    target = [option("process-group", service.group), "application-group=%{GLOBAL}"]
    lines = [
        *spread(f"WSGIDaemonProcess {quote(service.group)}", parts),
        *spread(directive("WSGIImportScript", model.service_handler), target),
        *spread(directive("WSGIImportScript", service.script), target),
    ]
    if not service.log:
        return lines
    name = f"ServerName {service.name}.service.invalid"
    return section(f"VirtualHost {NO_PORT}", [name, error_log(model, service.log), *lines])


def services(model: Model) -> list[str]:
    return [line for service in model.services for line in _service(model, service)]
