#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# python.sh: prints the path of an archive of /opt/python3.13 for Debian 12, which has Python 3.11 and no other.
#
# It is Debian 13's own source of Python 3.13, compiled in a container of Debian 12 with a shared library of its own, as
# one does by hand on a server. It takes minutes once; the archive is kept in the cache under the hash of this recipe.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
# shellcheck source=../../tools/lib/debian_mirror.sh
. "$here/../../tools/lib/debian_mirror.sh"

prefix=/opt/python3.13
packages="xz-utils zlib1g-dev libbz2-dev libffi-dev libsqlite3-dev"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/modwsgi-toolkit/python
archive=$cache/bookworm-3.13-$(sha256sum <"$0" | cut -c1-12).tar

mkdir -p "$cache"
exec 9>"$cache/bookworm-3.13.lock"
flock 9
if [ -s "$archive" ]; then
    echo "$archive"
    exit
fi

image=$("$here/../shared/image.sh" bookworm)
mirror=$(debian_mirror)
part=$(mktemp -d "$cache/.part-XXXXXX")
trap 'rm -rf "$part"' EXIT
debian_mirror_settings >"$part/apt.conf"
# shellcheck disable=SC3045  # dash has it
files=$(ulimit -Hn)
podman --runtime runc run --rm --network host --ulimit "nofile=$files:$files" --ulimit nproc=32768:32768 \
    --volume "$part:/part" "$image" sh -euc "
    exec >&2
    cp /part/apt.conf /etc/apt/apt.conf.d/99-host
    echo 'deb-src $mirror trixie main' >/etc/apt/sources.list.d/source.list
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $packages
    mkdir /build
    cd /build
    apt-get source -qq --download-only python3.13
    tar -xJf python3.13_*.orig.tar.xz --strip-components=1
    ./configure --quiet --prefix=$prefix --enable-shared --disable-test-modules OPT=-O1 LDFLAGS=-Wl,-rpath,$prefix/lib
    make -s -j\$(nproc)
    make -s install
    $prefix/bin/python3.13 -c 'import ssl, sqlite3, zlib, venv, ensurepip'
    tar -cf /part/python.tar --directory=/ ${prefix#/}"
mv "$part/python.tar" "$archive"
echo "$archive"
