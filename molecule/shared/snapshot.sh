#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# snapshot.sh UNIT: the processes of a unit, and every file of the toolkit with its inode and time of change.
set -eu
systemctl show --property=MainPID,InvocationID "$1"
group=$(systemctl show --property=ControlGroup --value "$1")
sort -n "/sys/fs/cgroup$group/cgroup.procs" | sed 's/^/process /'
# A pid file is the server's; caches of byte code are Python's.
find /opt/mod_wsgi /etc/systemd/system -type f ! -name '*.pid' ! -path '*/__pycache__/*' -printf 'file %p inode %i mtime %T@\n' |
    LC_ALL=C sort
