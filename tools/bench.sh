# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run bench: ours, the reference and a trivial C handler, interleaved in one run. See bench/README.md.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"

# shellcheck disable=SC2086  # lists of words
need_packages bench $SERVER_PACKAGES $BENCH_PACKAGES
need_venv dev
exec "$VENV/bin/python" "$CHECKOUT/bench/bench.py" "$@"
