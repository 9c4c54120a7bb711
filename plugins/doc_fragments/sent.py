# Copyright: The mod_wsgi toolkit developers
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of modules to which an action plugin sends a tree of files."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
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
"""
