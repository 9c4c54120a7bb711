#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Everything that lasts on the stand-in: files, accounts, instances of SMF, processes of servers.
set -eu
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/tmp -o -path /system -o -path /var/pkg -o \
    -path /usr/apache2 -o -path /etc/apache2 -o -path /var/apache2 -o -path /var/svc/log -o -path /root/.ansible -o -path /root/.cache -o -name __pycache__ \) -prune -o \
    ! -path '/root/everything.*' ! -path '/etc/*-' ! -path /etc/.pwd.lock -print | LC_ALL=C sort
getent passwd | sed 's/^/account /'
getent group | sed 's/^/group /'
svcs -H -o fmri | sed 's/^/instance /'
pgrep -l 'httpd|wsgi' | sed 's/^[0-9]* /process /' || true
