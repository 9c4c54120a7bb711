# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# A playbook of the collection with this checkout's inventory, unless another is named.

# run_playbook NAME ARGUMENTS...
run_playbook() {
    playbook=modwsgi.toolkit.$1
    shift
    inventory=$CHECKOUT/inventory
    for argument; do
        case $argument in
            -i* | --inventory | --inventory=* | --inventory-file | --inventory-file=*) inventory= ;;
        esac
    done
    need_venv site
    export ANSIBLE_CONFIG="${ANSIBLE_CONFIG:-$CHECKOUT/ansible.cfg}"
    # Ansible leaves flushing to the system: in a pipe or a file the progress of the compile would come in one lump.
    export PYTHONUNBUFFERED=1
    exec "$VENV/bin/python" -m ansible playbook ${inventory:+--inventory "$inventory"} "$playbook" "$@"
}
