#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# useradd of Solaris refuses a shell that is not there.
previous=
for word; do
    if [ "$previous" = -s ] && [ ! -x "$word" ]; then
        echo "UX: useradd: ERROR: $word is not a valid shell. Choose another." >&2
        exit 3
    fi
    previous=$word
done
exec /opt/standin/linux/useradd "$@"
