# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run uninstall: says what is installed; removes what -e mod_wsgi_uninstall_confirm=NAME|all names.

# shellcheck source=lib/playbook.sh
. "$CHECKOUT/tools/lib/playbook.sh"

run_playbook uninstall "$@"
