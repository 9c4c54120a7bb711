#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that lasts on a host: files, accounts, units, processes by their command. Not what belongs to the system's own work.
set -eu
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /var/cache -o \
    -path /var/log/journal -o -path /var/lib/systemd -o -path /var/lib/apt -o -path /root/.ansible -o -path /root/.cache -o -name __pycache__ \) -prune -o \
    ! -path '/root/everything.*' ! -path '/etc/*-' ! -path /etc/.pwd.lock -printf 'file %p\n' | LC_ALL=C sort
getent passwd | sed 's/^/account /'
getent group | sed 's/^/group /'
systemctl list-unit-files --no-legend --no-pager | awk '{print "unit", $1, $2}'
pgrep -l 'httpd|apache|wsgi' | sed 's/^[0-9]* /process /' || true
