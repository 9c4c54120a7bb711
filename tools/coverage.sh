# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run coverage [--lines] [PYTEST ARGUMENTS]: which lines of the module the tests run.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"

# shellcheck disable=SC2086  # a list of words
need_packages coverage $SERVER_PACKAGES
need_venv dev
PYTHONDONTWRITEBYTECODE=1 exec "$VENV/bin/python" "$CHECKOUT/mod_wsgi_src/tests/coverage/coverage.py" "$@"
