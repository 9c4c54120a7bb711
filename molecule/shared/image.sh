#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image.sh SUITE: prints the reference of a podman image of that Debian release, with systemd and what builds need.
# shellcheck disable=SC2016  # what stands in single quotes is for mmdebstrap
#
# The image is tagged with the hash of its recipe and kept as a tar in the cache, so that only a new recipe costs time.
set -eu

# shellcheck source=../../tools/lib/debian_mirror.sh
. "$(dirname -- "$0")/../../tools/lib/debian_mirror.sh"

suite=$1
base=systemd-sysv,dbus,python3,python3-apt,sudo,ca-certificates,iproute2,procps,curl
build=gcc,make,libc6-dev,libssl-dev,python3-dev,python3-venv,apache2-bin,apache2-dev
recipe=$(sha256sum <"$0" | cut -c1-12)
image=localhost/modwsgi-toolkit/$suite:$recipe
cache=${XDG_CACHE_HOME:-$HOME/.cache}/modwsgi-toolkit/images
archive=$cache/$suite-$recipe.tar

mkdir -p "$cache"
exec 9>"$cache/$suite.lock"
flock 9
if podman image exists "$image"; then
    echo "$image"
    exit
fi

if [ ! -s "$archive" ]; then
    mirror=$(debian_mirror)
    part=$(mktemp "$cache/.$suite-XXXXXX")
    trap 'rm -f "$part"' EXIT
    set -- --quiet --format=tar --mode=root --variant=minbase --include="$base,$build" \
        --aptopt='Acquire::Languages "none"' \
        --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt=force-unsafe-io \
        --customize-hook='rm -f "$1"/etc/hostname; : > "$1"/etc/machine-id'
    settings=$(debian_mirror_settings)
    while IFS= read -r setting; do
        [ -z "$setting" ] || set -- "$@" --aptopt="$setting"
    done <<SETTINGS
$settings
SETTINGS
    mmdebstrap "$@" "$suite" "$part" "$mirror" >&2
    rm -f "$cache/$suite"-*.tar
    mv "$part" "$archive"
fi
podman import --quiet --change 'CMD ["/lib/systemd/systemd"]' "$archive" "$image" >/dev/null
echo "$image"
