# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user wrote in mod_wsgi_instances: checked, and completed with defaults, types and paths.

Pure functions of their arguments. The description of an instance is data: the options of the argument spec of the role
mod_wsgi_instance, so there is one place that says what an instance may contain.
"""

from __future__ import annotations

import difflib
import glob
import os
import re
from dataclasses import dataclass
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.module_utils.common.validation import check_type_dict
from ansible_collections.modwsgi.toolkit.plugins.module_utils.releases import VERSION
from ansible_collections.modwsgi.toolkit.plugins.plugin_utils import archives

Spec = dict[str, Any]
Instance = dict[str, Any]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEEP = 3  # releases of a source that stay
UNSUPPORTED = re.compile(r"^(?P<path>\S+)\. Supported parameters include: (?P<known>.*?)\.?$", re.DOTALL)


@dataclass(frozen=True)
class Layout:
    """Where things of this host go, and as whom they run."""

    scope: str  # "system" or "user"
    home: str
    log_dir: str
    data_dir: str
    python: str
    user: str
    group: str
    base: str  # where a relative source starts
    service_manager: str = "none"

    @property
    def is_system(self) -> bool:
        return self.scope == "system"


def merge(defaults: Instance, instance: Instance) -> Instance:
    """The instance over the defaults; dictionaries are merged key by key, everything else is replaced."""
    merged = dict(defaults)
    for key, value in instance.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    return merged


def label(index: int, instance: object) -> str:
    name = instance.get("name") if isinstance(instance, dict) else None
    return f"mod_wsgi_instances[{index}]" + (f" ({name})" if name else "")


def _friendly(message: str) -> str:
    """Ansible's sentence about an unknown key, shorter and with the nearest key that exists."""
    found = UNSUPPORTED.match(message)
    if not found:
        return message
    keys = found["path"].strip(",").split(".")
    known = [word.split(" ")[0] for word in re.split(r",\s*", found["known"])]
    near = difflib.get_close_matches(keys[-1], known, 1, 0.5)
    hint = f"Did you mean '{near[0]}'?" if near else "Known keys: " + ", ".join(sorted(known))
    return f"unknown key '{'.'.join(keys)}'. {hint}"


def _validated(instance: Instance, options: Spec) -> tuple[Instance, list[str]]:
    """The instance with defaults and types of the argument spec, and what is wrong with it."""
    if instance.get("state") == "absent":  # its name says all that there is to know
        instance = {"app": "", "app_type": "module", "name": instance.get("name"), "state": "absent"}
    result = ArgumentSpecValidator(options).validate(instance)
    secrets = result._no_log_values  # pylint: disable=protected-access
    errors = [_friendly(str(remove_values(message, secrets))) for message in result.error_messages]
    return result.validated_parameters, errors


def _value_errors(instance: Instance, layout: Layout) -> list[str]:
    """What types alone cannot say."""
    errors = []
    if not NAME.fullmatch(instance["name"]):
        errors.append(f"name '{instance['name']}': use lower case letters, digits, '_' and '-', at most 41 of them")
    port = instance["port"]
    if not 1 <= port <= 65535:
        errors.append(f"port {port}: a port is a number from 1 to 65535")
    elif port < 1024 and not layout.is_system:
        errors.append(f"port {port}: only root may listen below 1024. Use a port from 1024 on, or run the play as root")
    for key in ("processes", "threads"):
        if instance[key] is not None and instance[key] < 1:
            errors.append(f"{key} {instance[key]}: at least 1")
    for key in ("env", "env_secret"):
        for name, value in instance[key].items():
            if not VARIABLE.fullmatch(str(name)):
                errors.append(f"{key}: '{name}' is no name of an environment variable")
            elif isinstance(value, (dict, list)) or value is None:
                errors.append(f"{key}.{name}: a value is a text or a number, found {type(value).__name__}")
    twice = sorted(set(instance["env"]) & set(instance["env_secret"]))
    if twice:
        errors.append(f"env and env_secret both set {', '.join(twice)}: keep one")
    names = [service["name"] for service in instance["services"]]
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.append(f"services: two are named '{name}'. Give one of them another name")
    if instance["credentials"] and layout.service_manager != "systemd":
        errors.append(f"credentials: only systemd hands them out, and the service manager is {layout.service_manager}")
    if instance["reload"] != "never" and layout.is_system:
        errors.append("reload: on_change is for development and refused in system scope. Remove it")
    if not layout.is_system:
        errors += [f"{key}: only root can change it. Remove it" for key in ("user", "group") if instance[key]]
    return errors


def _files(instance: Instance) -> list[tuple[str, str]]:
    """(key, path) of what an instance cannot be without."""
    files = [("services: script", service["script"]) for service in instance["services"]]
    if instance["app_type"] != "module":
        files.append(("app", instance["app"]))
    if instance["requirements"]:
        files.append(("requirements", instance["requirements"]))
    return files


def _delivered(instance: Instance, layout: Layout) -> dict[str, Any] | None:
    """What is released, with an absolute path; a source is a release that its content names."""
    release = instance["release"] or ({"src": instance["source"]} if instance["source"] else None)
    if release is None:
        return None
    src = os.path.normpath(os.path.join(layout.base, os.path.expanduser(release["src"])))
    return {"version": None, "keep": KEEP, "strip": 0, **release, "src": src}


def _source_errors(instance: Instance, layout: Layout) -> list[str]:
    """Files the controller can look at now, before anything is changed on the target."""
    delivered = _delivered(instance, layout)
    if not delivered:
        return [
            f"{key} '{path}': a relative path needs 'source' or 'release', which say what it is relative to"
            for key, path in _files(instance)
            if not os.path.isabs(path)
        ]
    key = "release.src" if instance["release"] else "source"
    if instance["release"] and instance["source"]:
        return ["source and release are both set: keep one"]
    errors = _release_errors(delivered)
    src = delivered["src"]
    if not os.path.isabs(src):
        return [*errors, f"{key} '{src}': relative to the inventory, and there is none. Give an absolute path"]
    if os.path.isdir(src):
        return errors + [
            f"{name} '{path}': not found in {src}"
            for name, path in _files(instance)
            if not os.path.isabs(path) and not os.path.exists(os.path.join(src, path))
        ]
    if not instance["release"]:
        return [f"source: '{src}' is not a directory on the controller"]
    if not os.path.isfile(src) or not archives.is_archive(src):
        known = ", ".join(archives.SUFFIXES)
        return [*errors, f"release.src: '{src}' is neither a directory nor an archive ({known}) on the controller"]
    return errors


def _number_errors(given: Instance) -> list[str]:
    """A version that YAML took for a number has lost what it was: 1.10 is 1.1."""
    version = (given.get("release") or {}).get("version")
    if not isinstance(version, float):
        return []
    return [f"release.version {version}: put it in quotes, a number loses its zeros"]


def _release_errors(release: dict[str, Any]) -> list[str]:
    errors = []
    if release["version"] is not None and not VERSION.fullmatch(release["version"]):
        errors.append(
            f"release.version '{release['version']}': use letters, digits and '.', '_', '+', '-', at most 64 of them"
        )
    if release["keep"] < 2:
        errors.append(
            f"release.keep {release['keep']}: at least 2, the release that is served and the one to go back to"
        )
    if release["strip"] < 0:
        errors.append(f"release.strip {release['strip']}: at least 0")
    return errors


def _paths(instance: Instance, layout: Layout) -> dict[str, Any]:
    """Where everything of an instance is on its host."""
    name = instance["name"]
    releases = os.path.join(layout.home, "apps", name)
    current = os.path.join(releases, "current") if instance["source"] or instance["release"] else None
    return {
        "releases": releases,
        "app_dir": os.path.join(current, "code") if current else None,
        # Named through the link: a switch of releases then changes code and environment, and no configuration.
        "venv": os.path.join(current, "venv") if current else None,
        "needs": [path for _key, path in _files(instance) if not os.path.isabs(path)],
        "server_root": os.path.join(layout.home, "instances", name),
        "env_file": os.path.join(layout.home, "instances", f"{name}.env"),
        "venv_base": os.path.join(layout.home, "venvs", name),
        "data_dir": os.path.join(layout.data_dir, name),
        "url": _url(instance["host"], instance["port"]),
    }


def _url(host: str, port: int) -> str:
    """Where a client on the same machine reaches the instance."""
    local = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{local}]' if ':' in local else local}:{port}"


def _complete(instance: Instance, layout: Layout) -> Instance:
    """The instance with every path absolute and every derived default filled in, and its paths."""
    done = dict(instance)
    paths = _paths(instance, layout)
    done["release"] = _delivered(instance, layout)

    def absolute(path: str | None) -> str | None:
        return os.path.normpath(os.path.join(paths["app_dir"], path)) if path and paths["app_dir"] else path

    done["python"] = instance["python"] or layout.python
    done["user"] = instance["user"] or layout.user
    done["group"] = instance["group"] or instance["user"] or layout.group
    done["logs"] = {
        **instance["logs"],
        "dir": instance["logs"]["dir"] or os.path.join(layout.log_dir, instance["name"]),
    }
    if instance["app_type"] != "module":
        done["app"] = absolute(instance["app"])
    done["document_root"] = absolute(instance["document_root"])
    done["working_directory"] = absolute(instance["working_directory"]) or paths["app_dir"]
    if not done["working_directory"] and instance["app_type"] == "script":
        done["working_directory"] = os.path.dirname(done["app"])
    done["python_path"] = [absolute(path) for path in instance["python_path"]]
    done["url_aliases"] = [{**alias, "path": absolute(alias["path"])} for alias in instance["url_aliases"]]
    done["services"] = [
        {**service, "script": absolute(service["script"]), "log": service["log"] or f"{service['name']}.log"}
        for service in instance["services"]
    ]
    return {"name": done["name"], "state": done["state"], "spec": done, "paths": paths}


def _between_errors(instances: list[Instance]) -> list[str]:
    """What only two instances together can get wrong."""
    errors = []
    names = [instance["name"] for instance in instances]
    for name in sorted({name for name in names if names.count(name) > 1}):
        errors.append(f"mod_wsgi_instances: two are named '{name}'. Give each its own name")
    by_port: dict[int, list[str]] = {}
    for instance in (instance for instance in instances if instance["state"] == "started"):
        by_port.setdefault(instance["spec"]["port"], []).append(instance["name"])
    for port, wanted_by in by_port.items():
        if len(set(wanted_by)) > 1:
            errors.append(
                f"mod_wsgi_instances: port {port} is wanted by {' and '.join(wanted_by)}. Give one of them another port"
            )
    return errors


def normalise(instances: object, options: Spec, defaults: Instance, layout: Layout) -> tuple[list[Instance], list[str]]:
    """The completed instances, and every error found; with an error the instances are not to be used."""
    if not isinstance(instances, list):
        return [], [f"mod_wsgi_instances: a list is wanted, found {type(instances).__name__}"]
    done: list[Instance] = []
    errors: list[str] = []
    for index, given in enumerate(instances):
        where = label(index, given)
        if not isinstance(given, dict):
            errors.append(f"{where}: a dictionary is wanted, found {type(given).__name__}")
            continue
        merged = merge(defaults, given)
        checked, wrong = _validated(merged, options)
        if not wrong:
            wrong = _number_errors(merged) + _value_errors(checked, layout) + _source_errors(checked, layout)
        errors += [f"{where}: {text}" for text in wrong]
        if not wrong:
            done.append(_complete(checked, layout))
    return done, errors + _between_errors(done)


def without_secrets(instances: list[Instance]) -> list[Instance]:
    """The completed instances, fit to be kept: a fact may be printed, cached or logged."""
    return [{**instance, "spec": {**instance["spec"], "env_secret": {}}} for instance in instances]


def secrets(instances: list[Instance], defaults: Instance) -> dict[str, dict[str, object]]:
    """By name of an instance what without_secrets() left out; for what normalise() has found to be good."""
    merged = [merge(defaults, instance) for instance in instances]
    return {instance["name"]: check_type_dict(instance.get("env_secret") or {}) for instance in merged}


def public_variables(roles: str) -> list[str]:
    """Every variable that an argument spec of a role describes."""
    names: set[str] = set()
    for path in sorted(glob.glob(os.path.join(glob.escape(roles), "*", "meta", "argument_specs.yml"))):
        with open(path, encoding="utf-8") as file:
            specs = yaml.safe_load(file)["argument_specs"]
        for entry in specs.values():
            names.update(entry["options"])
    return sorted(names)


def unknown_variables(names: list[str], roles: str) -> list[str]:
    """A sentence for each mod_wsgi_* variable that no role knows: Ansible itself would pass over it in silence."""
    known = public_variables(roles)
    sentences = []
    for name in sorted(set(names) - set(known)):
        near = difflib.get_close_matches(name, known, 1, 0.6)
        hint = (
            f"Did you mean '{near[0]}'?" if near else "Remove it, or give it a name that does not begin with mod_wsgi_."
        )
        sentences.append(f"unknown variable '{name}'. {hint}")
    return sentences
