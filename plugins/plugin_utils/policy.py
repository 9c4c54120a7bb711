# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the instances of a host want of its firewall and of SELinux, for the module mod_wsgi_policy."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import express, services

# Types of the targeted policy's httpd, for files that instances share; the later one counts where two fit.
SHARED = [
    ("{home}/(apps|venvs)(/.*)?", "httpd_sys_content_t", "home"),
    (r"{home}/(apps|venvs)/.*\.so(\.[^/]*)*", "httpd_modules_t", "home"),  # mod_wsgi's, httpd's and those of packages
    ("{home}/(apps|venvs)/(.*/)?bin(/.*)?", "bin_t", "home"),
    ("{home}/(apps|venvs)/.*/mod_wsgi_packages/httpd/bin/httpd", "httpd_exec_t", "home"),
    ("{log_dir}(/.*)?", "httpd_log_t", "log_dir"),
    ("{data_dir}(/.*)?", "httpd_var_lib_t", "data_dir"),
]


def is_loopback(host: str | None) -> bool:
    """Whether only this machine reaches it; a name other than localhost may mean any address."""
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def listening(instance: dict[str, Any]) -> tuple[str | None, list[int]]:
    """Address (None is all of them) and ports, as mod_wsgi-express is told."""
    options = express.options(instance["spec"], instance["paths"], True)
    ports = [options[name] for name in ("port", "https-port") if options.get(name)]
    return options.get("host"), [int(port) for port in ports]


def firewall_ports(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for instance in instances:
        host, ports = listening(instance)
        if not is_loopback(host):
            found += [{"instance": instance["name"], "port": port} for port in ports]
    return found


def literal(path: str) -> str:
    """A regular expression that fits this path alone; such a one counts before all others."""
    return re.sub(r"([][.*+?(){}^$|\\])", r"\\\1", path)


def selinux_rules(instances: list[dict[str, Any]], layout: dict[str, str], manager: str) -> dict[str, Any]:
    """What httpd runs is started in its domain, reads what is installed, and writes where it must. `layout` has the
    directories home, log_dir and data_dir."""
    escaped = {name: literal(path) for name, path in layout.items()}
    contexts, ports = [], []
    for instance in instances:
        spec, root = instance["spec"], literal(instance["paths"]["server_root"])
        # Sockets and the process id are elsewhere when systemd starts it as its own user.
        is_written = services.runtime_directory(spec, manager, True) is None
        rules = [(path.format(**escaped), name, layout[where]) for path, name, where in SHARED]
        rules.append((f"{root}(/.*)?", "httpd_var_run_t" if is_written else "httpd_config_t", layout["home"]))
        rules.append((f"{root}/apachectl", "httpd_exec_t", layout["home"]))
        contexts += [{"instance": instance["name"], "path": p, "type": t, "directory": d} for p, t, d in rules]
        ports += [{"instance": instance["name"], "port": port} for port in listening(instance)[1]]
    return {"contexts": contexts, "ports": ports}
