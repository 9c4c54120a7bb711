#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The processes of the site, and every file of the toolkit and of SMF's repository with its inode and time of change.
set -eu
svcs -H -p -o state,fmri svc:/application/mod_wsgi:site
find /opt/mod_wsgi /etc/svc /etc/passwd -type f ! -name '*.pid' ! -path '*/__pycache__/*' -printf 'file %p inode %i mtime %T@\n' | LC_ALL=C sort
