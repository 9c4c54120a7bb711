# SPDX-License-Identifier: Apache-2.0
"""What httpd serves by itself: files below the document root, aliases, other servers; and who may ask at all."""

from __future__ import annotations

from pathlib import Path

from ..conf import directive, only_if, quote, section
from ..model import Model

WEBSOCKET_SINCE = (2, 4, 47)


def _options(model: Model) -> str:
    return "Options FollowSymLinks Indexes" if model.directory_listing else "Options FollowSymLinks"


def default_deny(model: Model) -> list[str]:
    return section('Directory "/"', ["AllowOverride None", "Options FollowSymLinks", "Require all denied"])


def _grant(path: Path, lines: list[str]) -> list[str]:
    return section(f"Directory {quote(path)}", [*lines, "Require all granted"])


def types(model: Model) -> list[str]:
    lines = [directive("TypesConfig", model.mime_types)]
    if model.directory_index:
        lines.append(directive("DirectoryIndex", model.directory_index))
    elif model.directory_listing:
        lines.append("DirectoryIndex disabled")
    return lines


def _existing_files(model: Model) -> list[str]:
    """Requests for what exists below the document root never reach the application."""
    wanted = '"%{DOCUMENT_ROOT}%{REQUEST_URI}'
    lines = ["RewriteEngine On", "RewriteOptions InheritDown"]
    if model.directory_index:
        lines += [f'RewriteCond {wanted}/{model.directory_index}" -f [OR]']
    return [*lines, f'RewriteCond {wanted}" -f', f'RewriteRule "^/" {wanted}" [L]']


def document_root(model: Model) -> list[str]:
    lines = [directive("DocumentRoot", model.root_document)]
    inside = [_options(model) if model.entry.kind == "static" else "Options FollowSymLinks"]
    if model.settings.document_root:
        lines += _existing_files(model)
    inside[0] += " ExecCGI" if model.with_cgi else ""
    inside += only_if(model.allow_override, "AllowOverride " + " ".join(model.allow_override))
    inside += only_if(model.rewrite_rules, directive("Include", model.rewrite_rules))
    return lines + _grant(model.root_document, inside)


def aliases(model: Model) -> list[str]:
    """Longer URL paths first: the first match wins."""
    lines: list[str] = []
    for url, path in sorted(model.url_alias, key=lambda item: (-len(item[0]), item[0])):
        lines.append(directive("Alias", url, path))
        if path.is_dir():
            lines += _grant(path, [_options(model)])
        else:
            inside = section(f"Files {quote(path.name)}", ["Require all granted"])
            lines += section(f"Directory {quote(path.parent)}", inside)
    return lines


def backend_url(url: str) -> str:
    return url if url.count("/") > 2 else url + "/"


def proxy_pass(model: Model, url: str, target: str) -> str:
    """Connections of WebSocket are handed on too, where httpd can."""
    version = tuple(int(part) for part in model.httpd.version.split(".")[:3])
    return directive("ProxyPass", url, target) + (" upgrade=websocket" if version >= WEBSOCKET_SINCE else "")


def proxies(model: Model) -> list[str]:
    if not (model.proxy_mount_point or model.proxy_virtual_host):
        return []
    lines = ["ProxyRequests Off"]
    if model.proxy_timeout is not None:
        lines.append(f"ProxyTimeout {model.proxy_timeout}")
    for url, backend in sorted(model.proxy_mount_point, key=lambda item: (-len(item[0]), item[0])):
        if not url.endswith("/"):
            # Relative links of the other server need the slash.
            lines.append(directive("RedirectMatch", "permanent", f"^{_literal(url)}$", f"{url}/"))
            url += "/"
        target = backend_url(backend)
        target = target if target.endswith("/") else target + "/"
        lines += [proxy_pass(model, url, target), directive("ProxyPassReverse", url, target)]
    return lines


def _literal(text: str) -> str:
    return "".join(character if character.isalnum() or character in "/_-" else f"\\{character}" for character in text)


def errors(model: Model) -> list[str]:
    return [f"ErrorDocument {status} {quote(url)}" for status, url in model.error_document]


def environment(model: Model) -> list[str]:
    lines = [directive("SetEnv", name, value) for name, value in model.setenv]
    return lines + [directive("PassEnv", name) for name in model.passenv]


def compression(model: Model) -> list[str]:
    kinds = [f"text/{kind}" for kind in ("plain", "html", "xml", "css", "javascript")]
    kinds += [f"application/{kind}" for kind in ("xhtml+xml", "javascript", "json")]
    return only_if(model.compress_responses, " ".join(["AddOutputFilterByType DEFLATE", *kinds]))


def includes(model: Model) -> list[str]:
    return [directive("Include", path) for path in model.include_file]
