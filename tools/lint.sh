# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run lint

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/lint.sh
. "$CHECKOUT/tools/lib/lint.sh"

# shellcheck disable=SC2086  # a list of words
need_packages lint $LINT_PACKAGES
need_venv dev
lint_all
