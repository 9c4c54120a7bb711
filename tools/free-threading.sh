# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run free-threading [TESTS]: the server's tests with a Python that has no GIL.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/free_threading.sh
. "$CHECKOUT/tools/lib/free_threading.sh"

# shellcheck disable=SC2086  # lists of words
need_packages free-threading $SERVER_PACKAGES $FREE_THREADED_PACKAGES
need_venv dev
scratch=$(mktemp -d)
chmod 755 "$scratch" # daemons read interpreter and module
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
[ $# -gt 0 ] || set -- "$CHECKOUT/mod_wsgi_src/tests/functional" "$CHECKOUT/mod_wsgi_src/tests/express"
free_threaded_suite "$scratch" "$@"
