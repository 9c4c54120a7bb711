# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run fuzz [SECONDS]: the decoders of the transport, under libFuzzer with the sanitizers.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"

# shellcheck disable=SC2086  # a list of words
need_packages fuzz $SERVER_PACKAGES $FUZZ_PACKAGES
exec make --no-print-directory -C "$CHECKOUT/mod_wsgi_src/tests/unit" fuzz FUZZ_SECONDS="${1:-60}"
