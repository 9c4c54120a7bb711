# SPDX-License-Identifier: Apache-2.0
"""Who may in: scripts that are asked, for all of the site; and which proxies are believed about their clients."""

from __future__ import annotations

from ..conf import directive, only_if, quote, section
from ..model import Model


def _login(model: Model) -> list[str]:
    if not model.auth_user_script:
        return []
    lines = [
        f"AuthType {model.auth_type}",
        directive("AuthName", model.canonical_name),
        f"Auth{model.auth_type}Provider wsgi",
        directive("WSGIAuthUserScript", model.auth_user_script),
    ]
    if not model.auth_group_script:
        return [*lines, "Require valid-user"]
    lines.append(directive("WSGIAuthGroupScript", model.auth_group_script))
    return [*lines, directive("Require", "wsgi-group", model.auth_group)]


def access(model: Model) -> list[str]:
    lines = [directive("WSGIAccessScript", model.host_access_script)] if model.host_access_script else []
    lines += _login(model)
    return section('Location "/"', lines) if lines else []


def proxies(model: Model) -> list[str]:
    lines = [" ".join(["WSGITrustedProxyHeaders", *model.trust_proxy_header])] if model.trust_proxy_header else []
    return lines + only_if(model.trust_proxy, " ".join(["WSGITrustedProxies", *model.trust_proxy]))


def inactivity(model: Model) -> list[str]:
    found = [section(f"Location {quote(url)}", ["WSGIIgnoreActivity On"]) for url in model.ignore_activity]
    return [line for lines in found for line in lines]
