#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_release
short_description: Stage a release of an application beside the one that is served, and switch between releases
version_added: 0.1.0
description:
  - A release is a directory of its own, C(releases/VERSION) below O(root), with the code and a link to its virtual
    environment. The link C(current) names the one that is served, and changes by rename.
  - A release that is served is never changed. Half a release that an interrupted run left is completed by the next.
extends_documentation_fragment:
  - modwsgi.toolkit.platform
  - modwsgi.toolkit.sent
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  name:
    description: Name of the instance, for messages.
    type: str
    required: true
  state:
    description:
      - V(staged) brings O(src) to the target and leaves what is served as it is.
      - V(current) makes the staged O(version) with its O(venv) the one that is served.
      - V(settled) notes that O(version) with O(venv), which is served, is healthy. Until then RV(was) names what
        was healthy last. With O(keep) it also removes older releases, and virtual environments that none needs.
      - V(previous) looks for the release that was served before, or for O(version), and changes nothing.
    type: str
    choices: [staged, current, settled, previous]
    required: true
  root:
    description: Directory of all releases of the application.
    type: path
    required: true
  src:
    description:
      - Directory or archive (tar or zip) on the controller. For V(staged).
      - Without it there are no releases, and only virtual environments are looked after.
    type: path
  strip:
    description: Leading directories that are taken off the paths in an archive.
    type: int
    default: 0
  version:
    description: Names the release. Not given for V(staged), it is the beginning of a checksum of the content.
    type: str
  exclude:
    description: Names or shell patterns of files and directories that are left alone on both sides.
    type: list
    elements: str
    default: []
  needs:
    description: Relative paths that a release must contain.
    type: list
    elements: str
    default: []
  keep:
    description: Releases that stay, the present one included. Not given, all do. For V(settled).
    type: int
  venv:
    description: Virtual environment of the release. For V(current) and V(settled).
    type: path
  venv_base:
    description: Path of the virtual environments of the instance, without the fingerprint. For V(settled).
    type: path
  owner:
    description: Owner of the code. Not given, it is who runs the task.
    type: str
  group:
    description: Group of the code. Not given, it is that of who runs the task.
    type: str
attributes:
  check_mode:
    description: Reports what would be sent, switched and removed.
    support: full
  diff_mode:
    description: Lists the paths, not the contents.
    support: full
"""

EXAMPLES = r"""
- name: Beside what is served
  modwsgi.toolkit.mod_wsgi_release:
    name: shop
    state: staged
    root: /opt/mod_wsgi/apps/shop
    src: dist/shop-1.5.tgz
    version: "1.5"
  register: staged

- name: Switch to it
  modwsgi.toolkit.mod_wsgi_release:
    name: shop
    state: current
    root: /opt/mod_wsgi/apps/shop
    version: "{{ staged.version }}"
    venv: /opt/mod_wsgi/venvs/shop-0123456789ab

- name: It is healthy, so what is older may go
  modwsgi.toolkit.mod_wsgi_release:
    name: shop
    state: settled
    root: /opt/mod_wsgi/apps/shop
    version: "{{ staged.version }}"
    venv: /opt/mod_wsgi/venvs/shop-0123456789ab
    keep: 3

- name: What to go back to
  modwsgi.toolkit.mod_wsgi_release:
    name: shop
    state: previous
    root: /opt/mod_wsgi/apps/shop
"""

RETURN = r"""
name:
  description: Name of the instance.
  returned: always
  type: str
version:
  description: The version that was staged, is served now, or was found. Empty without releases.
  returned: always
  type: str
code:
  description: Directory of its code.
  returned: always
  type: str
venv:
  description: Its virtual environment, empty when it has none yet.
  returned: always
  type: str
release:
  description: Names code and virtual environment together, and changes when one of them does. Empty without releases.
  returned: always
  type: str
was:
  description:
    - C(version) and C(venv) that were served before this call, each empty when there was none.
    - After a switch that was interrupted, or did not lead to something healthy, those from before that switch.
  returned: always
  type: dict
sha256:
  description: For V(staged), checksums of the files among O(needs), known before the files are there.
  returned: always
  type: dict
sent:
  description: Paths that were missing on the target.
  returned: always
  type: list
  elements: str
removed:
  description: Releases, virtual environments or files that were removed.
  returned: always
  type: list
  elements: str
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import mirror, tree
from ansible_collections.modwsgi.toolkit.plugins.module_utils.releases import (
    CODE,
    SHORT,
    VERSION,
    Releases,
    stale_venvs,
)


class Work:
    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params = module.params
        self.releases = Releases(self.params["root"])

    def fail(self, text: str) -> None:
        self.module.fail_json(msg=f"instance '{self.params['name']}': {text}")

    def result(self, version: str, changed: bool, **more: object) -> dict:
        venv = self.params["venv"] or (self.releases.venv(version) if version else None) or ""
        return {
            "name": self.params["name"],
            "version": version,
            "code": self.releases.code(version) if version else "",
            "venv": venv,
            "release": f"{version} {os.path.basename(venv)}".strip() if version else "",
            "was": self.releases.before_switch(),
            "sha256": {},
            "sent": [],
            "removed": [],
            "changed": changed,
            **more,
        }

    # -- staged
    def staged(self) -> dict:
        wanted, version = self.params["manifest"], self.params["version"]
        if wanted is None:
            return self.result("", False)
        version = version or tree.checksum(wanted)[:SHORT]
        if not VERSION.fullmatch(version):
            self.fail(f"release.version '{version}': use letters, digits and '.', '_', '+', '-', at most 64 of them")
        self._check_contents(version, wanted)
        dest, difference = self._place(version, wanted)
        result = self.result(
            version,
            True,
            sha256=self._checksums(wanted),
            sent=difference.needed,
            removed=difference.stale,
            diff={"prepared": difference.shown()},
        )
        try:
            ownership = mirror.Ownership(self.params)
        except KeyError as error:
            if self.module.check_mode:  # a play before this task makes the user, and has not made it now
                return result
            self.fail(str(error.args[0]))
        if dest == self.releases.code(version) and not difference.is_content and not difference.wrong(ownership):
            return {**result, "changed": False}
        if self.module.check_mode or (difference.needed and not self.params["archive"]):
            return result
        self._bring(version, dest, difference, ownership)
        return result

    def _check_contents(self, version: str, wanted: tree.Manifest) -> None:
        there = {"", *wanted, *mirror.directories(wanted)}
        missing = [path for path in self.params["needs"] if os.path.normpath(path) not in there]
        if missing:
            self.fail(f"release {version}: {', '.join(missing)} is not in {self.params['src']}. Correct the path")

    def _checksums(self, wanted: tree.Manifest) -> dict[str, object]:
        files = {path: os.path.normpath(path) for path in self.params["needs"]}
        return {path: wanted[file]["sha256"] for path, file in files.items() if file in wanted}

    def _place(self, version: str, wanted: tree.Manifest) -> tuple[str, mirror.Difference]:
        """Where the files go: into the release when it has them all, else into half a release beside it."""
        code, exclude = self.releases.code(version), self.params["exclude"]
        difference = mirror.Difference(code, wanted, exclude)
        if difference.there and not difference.is_content:
            return code, difference
        if difference.there and version in (self.releases.current(), self.releases.before_switch()["version"]):
            # A version that is a checksum has one content only: somebody changed it here, and it is put right.
            if not self.params["version"]:
                return code, difference
            paths = [*difference.needed, *difference.stale]
            self.fail(
                f"release {version} is served here, and {self.params['src']} differs from it in {len(paths)} files "
                f"({', '.join(paths[:3])}). Give what is new another version"
            )
        half = os.path.join(self.releases.path(f".{version}.part"), CODE)
        return half, mirror.Difference(half, wanted, exclude)

    def _bring(self, version: str, dest: str, difference: mirror.Difference, ownership: mirror.Ownership) -> None:
        os.makedirs(self.releases.root, exist_ok=True)
        for directory in (self.releases.root, self.releases.directory, os.path.dirname(dest)):
            os.makedirs(directory, exist_ok=True)
            ownership.apply(directory)
        difference.apply(ownership, self.params["archive"])
        if dest == self.releases.code(version):
            return
        aside = self.releases.path(f".{version}.old")
        if self.releases.has(version):
            shutil.rmtree(aside, ignore_errors=True)
            os.rename(self.releases.path(version), aside)
        os.rename(os.path.dirname(dest), self.releases.path(version))
        shutil.rmtree(aside, ignore_errors=True)

    # -- current
    def current(self) -> dict:
        version = self.params["version"] or ""
        if version and not self.module.check_mode and not self.releases.has(version):
            self.fail(f"release {version} is not on this host. Stage it first")
        switch = bool(version) and self.releases.needs_switch(version, self.params["venv"])
        result = self.result(version, switch)
        if switch and not self.module.check_mode:
            self.releases.switch(version, self.params["venv"])
        return result

    # -- settled
    def settled(self) -> dict:
        version = self.params["version"] or ""
        if version and self.releases.needs_switch(version, self.params["venv"]):
            if self.module.check_mode:  # the switch before this was only foreseen; the first one has nothing to settle
                return self.result(version, bool(self.releases.before_switch()["version"]))
            self.fail(f"release {version} is not the one that is served. Switch to it first")
        was_switching = bool(version) and self.releases.is_switching
        result = self.result(version, was_switching)
        if was_switching and not self.module.check_mode:
            self.releases.settle()
        removed = self._prune(version) if self.params["keep"] else []
        return {**result, "changed": was_switching or bool(removed), "removed": removed}

    def _prune(self, version: str) -> list[str]:
        removed = [self.releases.path(each) for each in self.releases.stale(self.params["keep"])] if version else []
        if not self.module.check_mode:
            for path in removed:
                shutil.rmtree(path)
        if self.params["venv_base"]:
            stale = stale_venvs(self.params["venv_base"], self.params["venv"], self.releases if version else None)
            if not self.module.check_mode:
                for path in stale:
                    shutil.rmtree(path)
            removed += stale
        return removed

    # -- previous
    def previous(self) -> dict:
        current = self.releases.current()
        version = self.params["version"] or self.releases.previous()
        there = ", ".join(self.releases.history()) or "none"
        if not version:
            self.fail(f"there is no release before {current or 'the first'} on this host (there are: {there})")
        if not self.releases.has(version):
            self.fail(f"release {version} is not on this host (there are: {there}). Roll it out")
        venv = self.releases.venv(version)
        if not venv or not os.path.isdir(venv):
            self.fail(f"release {version} was never served here, so it has no virtual environment. Roll it out")
        return self.result(version, False)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["staged", "current", "settled", "previous"], "required": True},
            "root": {"type": "path", "required": True},
            "src": {"type": "path"},
            "strip": {"type": "int", "default": 0},
            "version": {"type": "str"},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "needs": {"type": "list", "elements": "str", "default": []},
            "keep": {"type": "int"},
            "venv": {"type": "path"},
            "venv_base": {"type": "path"},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            **mirror.ARGUMENTS,
        },
        required_if=[("state", "current", ("venv",)), ("state", "settled", ("venv",))],
        required_by={"archive": "manifest"},
        supports_check_mode=True,
    )
    if not module.check_mode:
        os.umask(0o077)
    work = Work(module)
    try:
        result = getattr(work, module.params["state"])()
    except (OSError, ValueError) as error:
        work.fail(str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
