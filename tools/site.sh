# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run site: the site playbook; ./run site --stop ends what it started.

# shellcheck source=lib/playbook.sh
. "$CHECKOUT/tools/lib/playbook.sh"

playbook=site
for argument; do
    shift
    if [ "$argument" = --stop ]; then
        playbook=stop
    else
        set -- "$@" "$argument"
    fi
done
run_playbook "$playbook" "$@"
