#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Within the sandbox: what is refused, then the functional tests with the module of the instance lab. Their reports tell the rest.
set -eu
export HOME=/tmp PYTHONDONTWRITEBYTECODE=1
MOD_WSGI_VENV=$(find /opt/mod_wsgi/venvs -maxdepth 1 -name 'lab-*')
export MOD_WSGI_VENV
cd /opt/functional/mod_wsgi_src/tests
/usr/bin/python3 /opt/functional/probe.py >"$LOGS_DIRECTORY/probe.json"
# test_layers.py looks at sources and documents, and not at a server.
status=0
/opt/functional/venv/bin/python -m pytest -q -ra --color=no -p no:cacheprovider -n 2 --dist loadfile \
    --junit-xml="$LOGS_DIRECTORY/junit.xml" --ignore=functional/test_layers.py functional || status=$?
[ "$status" -le 1 ] # 1: some failed
