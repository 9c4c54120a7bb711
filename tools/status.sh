# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run status: the instances of each host, their health and versions.

# shellcheck source=lib/playbook.sh
. "$CHECKOUT/tools/lib/playbook.sh"

run_playbook status "$@"
