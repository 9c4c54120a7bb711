# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters on what the user wrote. Thin: the rules are in module_utils, where they are tested."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import (
    express,
    hosts,
    instances,
    policy,
    ports,
    services,
    status,
)


def _normalise(
    given: object, spec: dict[str, Any], layout: dict[str, Any], defaults: dict[str, Any] | None
) -> tuple[list[instances.Instance], list[str]]:
    options = spec["argument_specs"]["main"]["options"]["mod_wsgi_instance_spec"]["options"]
    return instances.normalise(given, options, defaults or {}, instances.Layout(**layout))


def normalise_instances(
    given: object,
    spec: dict[str, Any],
    layout: dict[str, Any],
    defaults: dict[str, Any] | None = None,
    secrets: bool = True,
) -> list[instances.Instance]:
    done, errors = _normalise(given, spec, layout, defaults)
    if errors:
        raise AnsibleFilterError("; ".join(errors))
    return done if secrets else instances.without_secrets(done)


def instance_secrets(
    given: list[instances.Instance], defaults: dict[str, Any] | None = None
) -> dict[str, dict[str, object]]:
    return instances.secrets(given, defaults or {})


def instance_errors(
    given: object, spec: dict[str, Any], layout: dict[str, Any], defaults: dict[str, Any] | None = None
) -> list[str]:
    return _normalise(given, spec, layout, defaults)[1]


def service_definition(text: str, manager: str) -> str:
    problems = services.problems(text, manager)
    if problems:
        raise AnsibleFilterError(f"{manager} would refuse the definition of the service: {'; '.join(problems)}")
    return text


def target_hosts(groups: dict[str, list[str]], limited_to: list[str] | None = None) -> list[str]:
    try:
        return hosts.choose(groups, limited_to)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, object]:
        return {
            "express_options": express.options,
            "firewall_ports": policy.firewall_ports,
            "health_questions": status.questions,
            "in_turn": ports.in_turn,
            "instance_directories": services.directories,
            "instance_errors": instance_errors,
            "instance_secrets": instance_secrets,
            "neighbours": ports.neighbours,
            "normalise_instances": normalise_instances,
            "selinux_rules": policy.selinux_rules,
            "service": services.describe,
            "service_definition": service_definition,
            "unit": services.unit,
            "status_table": status.table,
            "target_hosts": target_hosts,
            "unknown_variables": instances.unknown_variables,
        }
