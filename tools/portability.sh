# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run portability: the module's sources as other systems see them.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"

# shellcheck disable=SC2086  # a list of words
need_packages portability $SERVER_PACKAGES
exec make --no-print-directory -C "$CHECKOUT/mod_wsgi_src/tests/portability" check PYTHON="$(find_python)"
