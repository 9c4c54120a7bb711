# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run site: the playbook with this checkout's inventory unless another is named; ./run site --stop ends what it started.

playbook=$CHECKOUT/site.yml
inventory=$CHECKOUT/inventory
for argument; do
    shift
    case $argument in
        --stop)
            playbook=$CHECKOUT/stop.yml
            continue
            ;;
        -i* | --inventory | --inventory=* | --inventory-file | --inventory-file=*) inventory= ;;
    esac
    set -- "$@" "$argument"
done

need_venv site
export ANSIBLE_CONFIG="${ANSIBLE_CONFIG:-$CHECKOUT/ansible.cfg}"
# Ansible leaves flushing to the system: in a pipe or a file the progress of the compile would come in one lump.
export PYTHONUNBUFFERED=1
exec "$VENV/bin/python" -m ansible playbook ${inventory:+--inventory "$inventory"} "$playbook" "$@"
