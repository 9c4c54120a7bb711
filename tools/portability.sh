# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run portability: the module's sources as other systems see them.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/windows_headers.sh
. "$CHECKOUT/tools/lib/windows_headers.sh"

# shellcheck disable=SC2086  # lists of words
need_packages portability $SERVER_PACKAGES $WINDOWS_PACKAGES
need_venv site
headers=$(windows_headers "$VENV/bin/python")
exec make -j "$(nproc)" --no-print-directory -C "$CHECKOUT/mod_wsgi_src/tests/portability" check \
    PYTHON="$(find_python)" WINDOWS_HEADERS="$headers"
