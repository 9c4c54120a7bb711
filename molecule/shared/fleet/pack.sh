#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pack.sh VERSION DIRECTORY: a release of the shop as DIRECTORY/shop-VERSION.tgz. Each version has requirements of its own.
set -eu
case $1 in
    1) six=1.16.0 ;;
    *) six=1.17.0 ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/shop"
cp "$(dirname "$0")/shop.py" "$work/shop/wsgi.py"
echo "$1" >"$work/shop/VERSION"
echo "six==$six" >"$work/shop/requirements.txt"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work" -czf "$2/shop-$1.tgz" shop
