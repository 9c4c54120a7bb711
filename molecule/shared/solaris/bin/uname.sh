#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# uname of Oracle Solaris 11.4 on x86: words in their own order, whatever the order of the letters.
[ $# -gt 0 ] || set -- -s
letters=$(printf '%s' "$@" | tr -d -)
case $letters in
    *[!snrvmipa]*)
        echo "uname: not known to the stand-in: $*" >&2
        exit 2
        ;;
    *a*) letters=snrvmpi ;;
esac
answer=
for letter in s n r v m p i; do
    case $letters in *$letter*) ;; *) continue ;; esac
    case $letter in
        s) answer="$answer SunOS" ;;
        n) answer="$answer $(cat /proc/sys/kernel/hostname)" ;;
        r) answer="$answer 5.11" ;;
        v) answer="$answer 11.4.0.15.0" ;;
        m | i) answer="$answer i86pc" ;;
        p) answer="$answer i386" ;;
    esac
done
echo "${answer# }"
