#!/usr/bin/python
# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mod_wsgi_tree
short_description: Make a directory on the target an exact mirror of one on the controller
version_added: 0.1.0
description:
  - Sends only files that differ, in one archive, and removes files that the source does not have.
  - Each file appears by rename, so that no reader ever sees half of one.
  - A second run writes nothing, not even a time of modification.
author:
  - The mod_wsgi toolkit developers (@modwsgi)
options:
  src:
    description: Directory on the controller.
    type: path
    required: true
  dest:
    description: Directory on the target. It is made when it is not there.
    type: path
    required: true
  exclude:
    description: Names or shell patterns of files and directories that are left alone on both sides.
    type: list
    elements: str
    default: []
  owner:
    description: Owner of everything below O(dest). Not given, the owner stays as it is.
    type: str
  group:
    description: Group of everything below O(dest). Not given, the group stays as it is.
    type: str
  directory_mode:
    description: Mode of directories, octal.
    type: str
    default: "0755"
  file_mode:
    description: Mode of files, octal. An executable file gets execution wherever this mode allows reading.
    type: str
    default: "0644"
  manifest:
    description: Internal, the table of the source. Filled in by the action plugin.
    type: dict
  archive:
    description: Internal, the archive on the target with the files that differ. Filled in by the action plugin.
    type: path
attributes:
  check_mode:
    description: Reports what would be sent and removed.
    support: full
  diff_mode:
    description: Lists the paths, not the contents.
    support: full
  platform:
    description: Any POSIX system with Python 3.9.
    platforms: posix
    support: full
"""

EXAMPLES = r"""
- name: The application, readable by the group it runs as
  modwsgi.toolkit.mod_wsgi_tree:
    src: /home/me/shop
    dest: /opt/mod_wsgi/apps/shop
    exclude: [.git, __pycache__]
    owner: root
    group: mod_wsgi
    directory_mode: "0750"
    file_mode: "0640"
"""

RETURN = r"""
checksum:
  description: One value for the whole tree, equal when all paths, contents and executable bits are equal.
  returned: always
  type: str
sent:
  description: Paths that differed.
  returned: always
  type: list
  elements: str
removed:
  description: Paths that the source does not have.
  returned: always
  type: list
  elements: str
"""

import grp
import os
import pwd
import stat
import tarfile
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.modwsgi.toolkit.plugins.module_utils import tree


class Ownership:
    """Owner, group and modes that everything below the destination shall have."""

    def __init__(self, params: dict) -> None:
        self.uid = pwd.getpwnam(params["owner"]).pw_uid if params["owner"] else -1
        self.gid = grp.getgrnam(params["group"]).gr_gid if params["group"] else -1
        self.directory_mode = int(params["directory_mode"], 8)
        self.file_mode = int(params["file_mode"], 8)

    def mode(self, path: str, executable: bool) -> int:
        if os.path.isdir(path):
            return self.directory_mode
        return self.file_mode | ((self.file_mode & 0o444) >> 2 if executable else 0)

    def differs(self, path: str, executable: bool = False) -> bool:
        found = os.lstat(path)
        return (
            stat.S_IMODE(found.st_mode) != self.mode(path, executable)
            or self.uid not in (-1, found.st_uid)
            or self.gid not in (-1, found.st_gid)
        )

    def apply(self, path: str, executable: bool = False) -> None:
        if self.differs(path, executable):
            os.chown(path, self.uid, self.gid)
            os.chmod(path, self.mode(path, executable))


def directories(wanted: tree.Manifest) -> list[str]:
    """Directories of the wanted files, parents first; the destination itself is the empty path."""
    found = {""}
    for path in wanted:
        parent = os.path.dirname(path)
        while parent:
            found.add(parent)
            parent = os.path.dirname(parent)
    return sorted(found)


def unpack(archive: str, dest: str, wanted: tree.Manifest, ownership: Ownership) -> None:
    """Each member of the archive to its place, by rename. Only regular files with a path in the table are taken."""
    with tarfile.open(archive) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() and member.name in wanted else None
            if content is None:
                raise ValueError(f"{member.name}: not a file of the source")
            target = os.path.join(dest, member.name)
            handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".mod_wsgi_tree.")
            with os.fdopen(handle, "wb") as file:
                while chunk := content.read(tree.CHUNK):
                    file.write(chunk)
            ownership.apply(temporary, bool(wanted[member.name]["executable"]))
            os.replace(temporary, target)


def prune(dest: str, stale: list[str], kept: list[str]) -> None:
    for path in stale:
        os.unlink(os.path.join(dest, path))
    for directory in sorted({os.path.dirname(path) for path in stale} - set(kept), reverse=True):
        while directory and directory not in kept:
            try:
                os.rmdir(os.path.join(dest, directory))
            except OSError:  # something that is excluded lives there
                break
            directory = os.path.dirname(directory)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "src": {"type": "path", "required": True},
            "dest": {"type": "path", "required": True},
            "exclude": {"type": "list", "elements": "str", "default": []},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "directory_mode": {"type": "str", "default": "0755"},
            "file_mode": {"type": "str", "default": "0644"},
            "manifest": {"type": "dict"},
            "archive": {"type": "path"},
        },
        supports_check_mode=True,
    )
    dest, wanted = module.params["dest"], module.params["manifest"]
    if wanted is None:
        module.fail_json(
            msg="mod_wsgi_tree: the table of the source is missing; call it as modwsgi.toolkit.mod_wsgi_tree"
        )
    if not module.check_mode:
        os.umask(0o077)
    try:
        found = tree.manifest(dest, module.params["exclude"]) if os.path.isdir(dest) else {}
    except ValueError as error:
        module.fail_json(msg=str(error))
    # The executable bit of what is there follows from the mode that is enforced below, so contents alone are compared.
    needed = [path for path in wanted if path not in found or found[path]["sha256"] != wanted[path]["sha256"]]
    stale = sorted(set(found) - set(wanted))
    result = {"checksum": tree.checksum(wanted), "sent": needed, "removed": stale, "dest": dest}
    result["diff"] = {"prepared": "".join([f"> {path}\n" for path in needed] + [f"< {path}\n" for path in stale])}
    try:
        ownership = Ownership(module.params)
    except KeyError as error:
        if module.check_mode:  # a play before this task makes the user, and has not made it now
            module.exit_json(changed=True, **result)
        module.fail_json(msg=f"mod_wsgi_tree: {error.args[0]}", **result)
    kept = directories(wanted)
    wrong = [
        path
        for path in set(found) - set(stale)
        if ownership.differs(os.path.join(dest, path), bool(wanted[path]["executable"]))
    ]
    wrong += [
        path for path in kept if os.path.isdir(os.path.join(dest, path)) and ownership.differs(os.path.join(dest, path))
    ]
    changed = bool(needed or stale or wrong or not os.path.isdir(dest))
    if not changed or module.check_mode or (needed and not module.params["archive"]):
        module.exit_json(changed=changed, **result)
    for path in kept:
        os.makedirs(os.path.join(dest, path), exist_ok=True)
        ownership.apply(os.path.join(dest, path))
    if needed:
        unpack(module.params["archive"], dest, wanted, ownership)
    for path in wrong:
        if os.path.isfile(os.path.join(dest, path)):
            ownership.apply(os.path.join(dest, path), bool(wanted[path]["executable"]))
    prune(dest, stale, kept)
    module.exit_json(changed=True, **result)


if __name__ == "__main__":
    main()
