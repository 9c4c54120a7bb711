# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a service manifest of SMF, told before a host is asked to import it.

The content model of service bundles as far as we write them: children in their order, attributes that must be there,
and those that take one of a few words. What is not in the tables is an error, too: we do not write it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.etree import ElementTree

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
YES_NO = ("true", "false")
SERVICE_FMRI = re.compile(r"svc:/[A-Za-z0-9][A-Za-z0-9/._-]*(:[A-Za-z0-9][A-Za-z0-9._-]*)?")
PATH_FMRI = re.compile(r"file://localhost/\S+")
NAME = re.compile(
    r"([A-Za-z][A-Za-z0-9._-]*,)?[A-Za-z][A-Za-z0-9_-]*(/([A-Za-z][A-Za-z0-9._-]*,)?[A-Za-z][A-Za-z0-9_-]*)*"
)
INSTANCE_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*,)?[A-Za-z0-9][A-Za-z0-9_-]*")
# With 0 SMF waits for ever for a method that hangs.
SECONDS = re.compile(r"[1-9][0-9]*")


@dataclass(frozen=True)
class Element:
    """Children in their order, each with nothing, ``?``, ``*`` or ``+`` behind it. An attribute takes a word of a
    tuple, what a pattern matches, or anything."""

    children: str = ""
    required: dict[str, tuple[str, ...] | re.Pattern[str] | None] = field(default_factory=dict)
    optional: dict[str, tuple[str, ...] | re.Pattern[str] | None] = field(default_factory=dict)

    def pattern(self) -> str:
        """For the names of the children, each with a semicolon behind it. A pair in parentheses is a choice."""
        return re.sub(r"\w+", lambda name: f"(?:{name.group()};)", self.children).replace(" ", "")

    def order(self) -> str:
        return self.children or "nothing"


STARTS = "restarter? dependency* dependent* method_context? exec_method* property_group*"
GROUPINGS = ("require_all", "require_any", "exclude_all", "optional_all")
RESTARTS = ("error", "restart", "refresh", "none")
TYPES = (
    "astring",
    "boolean",
    "count",
    "fmri",
    "host",
    "hostname",
    "integer",
    "net_address",
    "opaque",
    "time",
    "uri",
    "ustring",
)

MODEL = {
    "service_bundle": Element("service+", {"type": ("manifest",), "name": None}),
    "service": Element(
        f"create_default_instance? {STARTS} instance* stability? template?",
        {"name": NAME, "type": ("service",), "version": re.compile(r"[0-9]+")},
    ),
    "create_default_instance": Element(required={"enabled": YES_NO}),
    "instance": Element(f"{STARTS} template?", {"name": INSTANCE_NAME, "enabled": YES_NO}),
    "restarter": Element("service_fmri"),
    "service_fmri": Element(required={"value": None}),
    "dependency": Element(
        "service_fmri*",
        {"name": None, "grouping": GROUPINGS, "restart_on": RESTARTS, "type": ("service", "path")},
        {"delete": YES_NO},
    ),
    "dependent": Element(
        "service_fmri",
        {"name": None, "grouping": GROUPINGS, "restart_on": RESTARTS},
        {"delete": YES_NO, "override": YES_NO},
    ),
    "method_context": Element(
        "(method_profile|method_credential)? method_environment?",
        optional=dict.fromkeys(("working_directory", "project", "resource_pool")),
    ),
    "method_profile": Element(required={"name": None}),
    "method_credential": Element(
        required={"user": None},
        optional=dict.fromkeys(("group", "supp_groups", "privileges", "limit_privileges")),
    ),
    "method_environment": Element("envvar+"),
    "envvar": Element(required={"name": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), "value": None}),
    "exec_method": Element(
        "method_context?",
        {
            "type": ("method",),
            "name": ("start", "stop", "refresh"),
            "exec": re.compile(r"(?s).*\S.*"),
            "timeout_seconds": SECONDS,
        },
        {"delete": YES_NO},
    ),
    "property_group": Element("propval*", {"name": None, "type": ("framework", "application")}, {"delete": YES_NO}),
    "propval": Element(required={"name": None, "type": TYPES, "value": None}, optional={"override": YES_NO}),
    "stability": Element(required={"value": ("Standard", "Stable", "Evolving", "Unstable", "External", "Obsolete")}),
    "template": Element("common_name description?"),
    "common_name": Element("loctext+"),
    "description": Element("loctext+"),
    "loctext": Element(required={LANGUAGE: None}),
}
TEXT = ("loctext",)


def _attributes(where: str, found: dict[str, str], model: Element) -> list[str]:
    problems = [f"{where}: the attribute {_name(name)} is missing" for name in model.required if name not in found]
    known = {**model.optional, **model.required}
    for name, value in found.items():
        if name not in known:
            problems.append(f"{where}: there is no attribute {_name(name)}")
            continue
        allowed = known[name]
        if isinstance(allowed, tuple) and value not in allowed:
            problems.append(f"{where}: {_name(name)} is '{value}'; it takes {', '.join(allowed)}")
        elif isinstance(allowed, re.Pattern) and not allowed.fullmatch(value):
            problems.append(f"{where}: {_name(name)} cannot be '{value}'")
    return problems


def _name(attribute: str) -> str:
    return "xml:lang" if attribute == LANGUAGE else attribute


def _structure(where: str, element: ElementTree.Element) -> list[str]:
    model = MODEL.get(element.tag)
    if model is None:
        return [f"{where}: such an element does not belong into our manifests"]
    problems = _attributes(where, element.attrib, model)
    children = [child.tag for child in element]
    if not re.fullmatch(model.pattern(), "".join(f"{tag};" for tag in children)):
        problems.append(f"{where}: its children are {', '.join(children) or 'none'}; the order is: {model.order()}")
    if element.tag not in TEXT and (element.text or "").strip() + "".join(
        (child.tail or "").strip() for child in element
    ):
        problems.append(f"{where}: text has no place in it")
    for child in element:
        label = child.get("name") or child.get("value") or ""
        problems += _structure(f"{where}/{child.tag}" + (f"[{label}]" if label else ""), child)
    return problems


def _names(where: str, element: ElementTree.Element) -> list[str]:
    """Each name once: a second one would silently take the place of the first."""
    problems = []
    for tag in ("dependency", "dependent", "exec_method", "property_group", "instance", "propval", "envvar"):
        names = [child.get("name") for child in element.findall(tag)]
        problems += [
            f"{where}: two are {tag} '{name}'" for name in sorted({n for n in names if n and names.count(n) > 1})
        ]
    return problems


def _meaning(root: ElementTree.Element) -> list[str]:
    """What a document type cannot say."""
    problems = []
    for parent in root.iter():
        problems += _names(parent.get("name") or parent.tag, parent)
    for kind in ("dependency", "dependent", "restarter"):
        for element in root.iter(kind):
            wanted = PATH_FMRI if element.get("type") == "path" else SERVICE_FMRI
            values = [child.get("value") or "" for child in element.findall("service_fmri")]
            problems += [
                f"{kind} {element.get('name') or ''}: '{value}' is no FMRI of its kind"
                for value in values
                if not wanted.fullmatch(value)
            ]
    for service in root.iter("service"):
        shared = {method.get("name") for method in service.findall("exec_method")}
        for instance in service.findall("instance"):
            methods = shared | {method.get("name") for method in instance.findall("exec_method")}
            problems += [
                f"instance {instance.get('name')}: no method '{name}'"
                for name in ("start", "stop")
                if name not in methods
            ]
        if service.find("instance") is None and service.find("create_default_instance") is None:
            problems.append(f"service {service.get('name')}: no instance")
    return problems


def problems(manifest: str) -> list[str]:
    """One sentence for each; an empty list is a manifest that SMF takes."""
    try:
        root = ElementTree.fromstring(manifest)  # noqa: S314  # it is our own
    except ElementTree.ParseError as error:
        return [f"not XML: {error}"]
    if root.tag != "service_bundle":
        return [f"{root.tag}: a manifest is a service_bundle"]
    return _structure(root.tag, root) or _meaning(root)
