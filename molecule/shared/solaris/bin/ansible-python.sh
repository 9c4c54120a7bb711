#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Ansible asks uname(2) through Python: its interpreter alone is told that this is Solaris.
LD_PRELOAD=/opt/standin/lib/libsunos.so exec /usr/bin/python3 "$@"
