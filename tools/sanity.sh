# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run sanity [ARGUMENTS]: ansible-test sanity and antsibull-docs on the collection as it is shipped.

# shellcheck source=lib/sanity.sh
. "$CHECKOUT/tools/lib/sanity.sh"

need_venv dev
sanity_all "$@"
