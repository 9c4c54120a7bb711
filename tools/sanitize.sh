# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run sanitize [PYTEST ARGUMENTS]: the server's tests with a module under the address and undefined-behaviour sanitizers.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/sanitizers.sh
. "$CHECKOUT/tools/lib/sanitizers.sh"

# shellcheck disable=SC2086  # a list of words
need_packages sanitize $SERVER_PACKAGES
need_venv dev
scratch=$(mktemp -d)
chmod 755 "$scratch" # daemons read the module
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
sanitized_suite "$scratch" "${@:-$CHECKOUT/mod_wsgi_src/tests/functional}"
