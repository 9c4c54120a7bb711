#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Process 1: Ansible takes the service manager from its name, and bash reaps what lost its parent.
trap 'exit 0' TERM INT
while :; do
    sleep 1000 &
    wait
done
