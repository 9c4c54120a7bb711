# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run reliability: the goals of reliability, measured on real servers. See reliability/README.md.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"

# shellcheck disable=SC2086  # a list of words
need_packages reliability $SERVER_PACKAGES
need_venv dev
PYTHONDONTWRITEBYTECODE=1 exec "$VENV/bin/python" "$CHECKOUT/reliability/reliability.py" "$@"
