#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Commands that Ansible's facts call, by their names, with the least that they accept.
case ${0##*/} in
    zonename) echo global ;;
    prtconf) echo "Memory size: 4096 Megabytes" ;;
    swap) echo "total: 1000k bytes allocated + 1000k reserved = 2000k used, 100000k available" ;;
    kstat)
        case $* in
            *boot_time*) printf 'unix:0:system_misc:boot_time\t%d\n' "$(($(date +%s) - $(cut -d . -f 1 /proc/uptime)))" ;;
            *cpu_info*) printf 'module: cpu_info\tinstance: 0\nname: cpu_info0\n\tbrand\tstand-in\n\tclock_MHz\t2000\n\tcore_id\t0\n\tchip_id\t0\n' ;;
        esac
        ;;
esac
