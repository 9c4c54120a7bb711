#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# functional.sh NAME TESTS...: within the sandbox what is refused, then functional tests with the module of the instance lab. Their reports,
# NAME.json and NAME.xml, tell the rest.
set -eu
name=$1
shift
export HOME=/tmp PYTHONDONTWRITEBYTECODE=1
MOD_WSGI_VENV=$(find /opt/mod_wsgi/venvs -maxdepth 1 -name 'lab-*')
export MOD_WSGI_VENV
cd /opt/functional/mod_wsgi_src/tests
/usr/bin/python3 /opt/functional/probe.py >"$LOGS_DIRECTORY/$name.json"
# test_layers.py looks at sources and documents, and not at a server.
status=0
/opt/functional/venv/bin/python -m pytest -q -ra --color=no -p no:cacheprovider -n 2 --dist loadfile \
    --junit-xml="$LOGS_DIRECTORY/$name.xml" --ignore=functional/test_layers.py "$@" || status=$?
[ "$status" -le 1 ] # 1: some failed
