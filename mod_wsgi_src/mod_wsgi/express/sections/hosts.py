# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts: the named one, those of other servers, and in front one for all names that nobody asked for."""

from __future__ import annotations

from dataclasses import dataclass

from ..conf import directive, only_if, section
from ..model import Model
from .content import backend_url, proxy_pass
from .tls import certificate, verification

UNKNOWN = "unknown.invalid"


@dataclass(frozen=True)
class Door:
    """A port that clients come in by."""

    scheme: str
    port: int
    lines: tuple[str, ...]  # what every virtual host of this port has

    def url(self, name: str) -> str:
        usual = {"http": 80, "https": 443}[self.scheme]
        return f"{self.scheme}://{name}{'' if self.port == usual else f':{self.port}'}/"

    def host(self, name: str, lines: list[str]) -> list[str]:
        return section(f"VirtualHost *:{self.port}", [f"ServerName {name}", *self.lines, *lines])


def doors(model: Model) -> list[Door]:
    found = [Door("http", model.port, ())]
    if model.https_port:
        found.append(Door("https", model.https_port, tuple(certificate(model))))
    return found


def hosts(model: Model) -> list[str]:
    lines: list[str] = []
    for door in doors(model):
        if model.settings.server_name:
            lines += _named(model, door)
        elif model.proxy_virtual_host or door.scheme == "https":
            # Without a first one of its own the application would lose every unknown name to the next.
            lines += door.host(model.canonical_name, verification(model) if door.scheme == "https" else [])
        for host, backend in model.proxy_virtual_host:
            target = backend_url(backend)
            inside = [*_foreign(model), "ProxyPreserveHost On"]
            lines += door.host(
                host, [*inside, proxy_pass(model, "/", target), directive("ProxyPassReverse", "/", target)]
            )
    return lines


def _foreign(model: Model) -> list[str]:
    """For a host that has nothing to do with our files."""
    return only_if(model.settings.document_root, "RewriteEngine Off")


def _redirect(model: Model, url: str) -> list[str]:
    return [*_foreign(model), directive("Redirect", "permanent", "/", url)]


def _named(model: Model, door: Door) -> list[str]:
    name = model.settings.server_name
    aliases = only_if(model.server_alias, "ServerAlias " + " ".join(model.server_alias))
    refuse = ["Require local"] if model.allow_localhost else ["Require all denied"]
    lines = door.host(UNKNOWN, section('Location "/"', refuse))
    target = doors(model)[-1] if model.https_only else door
    if target == door:
        lines += door.host(name, [*aliases, *(verification(model) if door.scheme == "https" else [])])
    else:
        lines += door.host(name, [*aliases, *_redirect(model, target.url(name))])
    parent = name[len("www.") :] if name.startswith("www.") else ""
    if parent and parent not in model.server_alias:
        lines += door.host(parent, _redirect(model, target.url(name)))
    return lines
