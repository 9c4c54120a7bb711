#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_policy
short_description: Have firewall and SELinux of a host allow what its instances do
version_added: 0.1.0
description:
  - Opens ports in firewalld (its default zone, running and permanent) and in ufw, whichever runs. Neither is enabled,
    started or given another policy.
  - Where SELinux is enabled, gives types to files and labels to ports with C(semanage), in one transaction, and has
    C(restorecon) give the files their types.
  - What it made it notes in O(record), with the instances that want it. It is taken back when none of them does.
  - A port that was open before is never closed, and a rule of somebody else is neither replaced nor taken away.
  - A second run changes nothing.
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  record:
    description:
      - File, readable by root only, that says what was made and for which instances.
      - It is removed with its last entry.
    type: path
    required: true
  state:
    description: V(absent) takes back what only O(instances) wanted.
    type: str
    choices: [absent, present]
    default: present
  instances:
    description: Names of instances, when O(state=absent). None is all of them.
    type: list
    elements: str
    default: []
  firewall:
    description:
      - Every TCP port that is to be open, with the instance that wants it.
      - Others that were opened for instances are closed.
    type: list
    elements: dict
    suboptions:
      instance:
        description: Name of the instance.
        type: str
        required: true
      port:
        description: The port.
        type: int
        required: true
  selinux:
    description:
      - Every rule that is to be in the local part of the policy. Others that were made for instances are taken back.
      - Where SELinux is not enabled nothing is done, and a warning says so.
    type: dict
    suboptions:
      contexts:
        description:
          - Types of files. Where two rules fit a file, the later one counts.
        type: list
        elements: dict
        default: []
        suboptions:
          instance:
            description: Name of the instance.
            type: str
            required: true
          path:
            description: Regular expression of paths.
            type: str
            required: true
          type:
            description: The type.
            type: str
            required: true
          directory:
            description: Directory in which files are given the types that rules have for them.
            type: str
            required: true
      ports:
        description: TCP ports that httpd is to be allowed to listen on. Where it may already, nothing is done.
        type: list
        elements: dict
        default: []
        suboptions:
          instance:
            description: Name of the instance.
            type: str
            required: true
          port:
            description: The port.
            type: int
            required: true
attributes:
  check_mode:
    description: Says what would be made and taken back, and fails where a run would.
    support: full
  diff_mode:
    description: One line for each port and each rule.
    support: full
  platform:
    description: Linux with firewalld, ufw or SELinux.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: Have the firewall let in what two instances serve
  modwsgi.toolkit.mod_wsgi_policy:
    record: /opt/mod_wsgi/policy.json
    firewall:
      - {instance: shop, port: 8080}
      - {instance: blog, port: 8081}

- name: Close what only one of them wanted
  modwsgi.toolkit.mod_wsgi_policy:
    record: /opt/mod_wsgi/policy.json
    state: absent
    instances: [blog]
"""

RETURN = r"""
made:
  description: A line for each thing that was made.
  returned: always
  type: list
  elements: str
taken_back:
  description: A line for each thing that was taken back.
  returned: always
  type: list
  elements: str
differs:
  description: Whether a run would change anything of C(firewall) and of C(selinux).
  returned: always
  type: dict
msg:
  description: The same in one line.
  returned: always
  type: str
"""

from typing import Union

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import firewall, selinux_policy
from ansible_collections.modwsgi.toolkit.plugins.module_utils.policy_record import (
    Entry,
    PolicyError,
    Record,
    Run,
    key,
    merged,
    without,
)


def wanted(items: list[dict]) -> list[Entry]:
    """By what they are; the instances that want them beside it."""
    return merged(
        [
            {**{name: value for name, value in item.items() if name != "instance"}, "instances": [item["instance"]]}
            for item in items
        ]
    )


Plan = Union[firewall.Plan, selinux_policy.Plan]
SECTIONS = ("firewall", "selinux")


def wanted_of_selinux(given: dict) -> list[Entry]:
    """In the order in which they count; each once, with all who want it."""
    labels = [{**item, "type": selinux_policy.PORT_TYPE} for item in given["ports"]]
    items = [*given["contexts"], *labels]
    order = {key(entry): entry for entry in wanted(items)}
    return list({each: order[each] for each in (key(wanted([item])[0]) for item in items)}.values())


def planned(params: dict, record: Record, run: Run) -> dict[str, Plan]:
    """For each section of the record that this call is about."""
    plans: dict[str, Plan] = {
        "firewall": firewall.plan(record.entries("firewall"), run),
        "selinux": selinux_policy.Plan(record.entries("selinux"), run),
    }
    if params["state"] == "absent":
        for plan in plans.values():
            plan.keep(without(plan.recorded, params["instances"]))
        return plans
    if params["firewall"] is not None:
        plans["firewall"].want(wanted(params["firewall"]))
    if params["selinux"] is not None:
        plans["selinux"].want(wanted_of_selinux(params["selinux"]))
    return {section: plan for section, plan in plans.items() if params[section] is not None}


def main() -> None:
    port = {"instance": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
    context = {name: {"type": "str", "required": True} for name in ("instance", "path", "type", "directory")}
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
            "instances": {"type": "list", "elements": "str", "default": []},
            "firewall": {"type": "list", "elements": "dict", "options": port},
            "selinux": {
                "type": "dict",
                "options": {
                    "contexts": {"type": "list", "elements": "dict", "default": [], "options": context},
                    "ports": {"type": "list", "elements": "dict", "default": [], "options": port},
                },
            },
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}  # what they say is read
    made: list[str] = []
    taken_back: list[str] = []
    differs = dict.fromkeys(SECTIONS, False)
    try:
        record = Record(module.params["record"])
        for section, plan in planned(module.params, record, module.run_command).items():
            if plan.warning:
                module.warn(plan.warning)
            before = record.entries(section)
            made += plan.made
            taken_back += plan.taken_back
            differs[section] = bool(plan.made or plan.taken_back) or plan.kept != before
            if not module.check_mode:
                record.put(section, merged([*before, *plan.kept]))
                plan.make()
                plan.take_back()
                record.put(section, plan.kept)
    except PolicyError as error:
        module.fail_json(msg=str(error))
    lines = [f"+ {text}\n" for text in made] + [f"- {text}\n" for text in taken_back]
    module.exit_json(
        changed=any(differs.values()),
        differs=differs,
        made=made,
        taken_back=taken_back,
        msg="; ".join([*made, *taken_back]) or "nothing to do",
        diff={"prepared": "".join(lines)},
    )


if __name__ == "__main__":
    main()
