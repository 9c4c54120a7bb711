#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_policy
short_description: Have the firewall of a host let in what its instances serve
version_added: 0.1.0
description:
  - Opens ports in firewalld (its default zone, running and permanent) and in ufw, whichever runs. Neither is enabled,
    started or given another policy.
  - What it opened it notes in O(record), with the instances that want it. It is closed when none of them does.
  - A port that was open before is never closed.
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
attributes:
  check_mode:
    description: Says what would be made and taken back, and fails where a run would.
    support: full
  diff_mode:
    description: One line for each port.
    support: full
  platform:
    description: Linux with firewalld or ufw.
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
  description: Whether a run would change anything, which tasks with C(changed_when) can be asked.
  returned: always
  type: bool
msg:
  description: The same in one line.
  returned: always
  type: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import firewall
from ansible_collections.modwsgi.toolkit.plugins.module_utils.policy_record import (
    Entry,
    PolicyError,
    Record,
    Run,
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


def planned(params: dict, record: Record, run: Run) -> dict[str, firewall.Plan]:
    """For each section of the record that this call is about."""
    is_absent, firewall_plan = params["state"] == "absent", firewall.plan(record.entries("firewall"), run)
    plans = {}
    if is_absent:
        firewall_plan.keep(without(firewall_plan.recorded, params["instances"]))
        plans["firewall"] = firewall_plan
    elif params["firewall"] is not None:
        firewall_plan.want(wanted(params["firewall"]))
        plans["firewall"] = firewall_plan
    return plans


def main() -> None:
    port = {"instance": {"type": "str", "required": True}, "port": {"type": "int", "required": True}}
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
            "instances": {"type": "list", "elements": "str", "default": []},
            "firewall": {"type": "list", "elements": "dict", "options": port},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"LC_ALL": "C", "LANGUAGE": "C"}  # what they say is read
    made: list[str] = []
    taken_back: list[str] = []
    changed = False
    try:
        record = Record(module.params["record"])
        for section, plan in planned(module.params, record, module.run_command).items():
            if plan.warning:
                module.warn(plan.warning)
            before = record.entries(section)
            made += plan.made
            taken_back += plan.taken_back
            changed = changed or bool(plan.made or plan.taken_back) or plan.kept != before
            if not module.check_mode:
                record.put(section, merged([*before, *plan.kept]))
                plan.make()
                plan.take_back()
                record.put(section, plan.kept)
    except PolicyError as error:
        module.fail_json(msg=str(error))
    lines = [f"+ {text}\n" for text in made] + [f"- {text}\n" for text in taken_back]
    module.exit_json(
        changed=changed,
        differs=changed,
        made=made,
        taken_back=taken_back,
        msg="; ".join([*made, *taken_back]) or "nothing to do",
        diff={"prepared": "".join(lines)},
    )


if __name__ == "__main__":
    main()
