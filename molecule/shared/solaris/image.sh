#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# image.sh: prints the reference of the stand-in's podman image, on top of that of trixie.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
base=$("$here/../image.sh" trixie)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/modwsgi-toolkit/images
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp -R "$here/Containerfile" "$here/bin" "$here/lib" "$here/../../../tests/unit/service_bundle.dtd" "$context/"
find "$context" -name __pycache__ -prune -exec rm -rf {} +
recipe=$(cd "$context" && { echo "$base" && find . -type f | LC_ALL=C sort | xargs sha256sum; } | sha256sum | cut -c1-12)
image=localhost/modwsgi-toolkit/solaris-stand-in:$recipe

exec 9>"$cache/solaris-stand-in.lock"
flock 9
podman image exists "$image" ||
    podman --runtime runc build --quiet --isolation chroot --build-arg BASE="$base" --tag "$image" "$context" >&2
echo "$image"
