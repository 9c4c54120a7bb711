# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Debian packages that a command needs: only the missing ones are installed, and only by root.

# need_packages WHAT PACKAGE...: 0 when all are there afterwards; 1, after naming the missing ones, when they are not.
need_packages() {
    purpose=$1
    shift
    if ! command -v dpkg-query >/dev/null; then
        say "$purpose: this is no Debian; it needs what Debian calls: $*"
        return 0 # the tools may be there under other names: let the stage find out
    fi
    missing=
    for package; do
        [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if ! is_root; then
        say "$purpose needs packages that are missing; as root: apt-get install --no-install-recommends$missing"
        return 1
    fi
    say "$purpose: installing$missing"
    # shellcheck disable=SC2086  # a list of words
    apt-get update -qq </dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing </dev/null >/dev/null
}

# apache2-bin and -dev, never apache2: that one starts a server on port 80.
SERVER_PACKAGES="apache2-bin apache2-dev gcc make libc6-dev libssl-dev python3 python3-dev python3-venv curl openssl procps gdb strace"
LINT_PACKAGES="shellcheck git"
# What reads our scripts for the systems that are not here: ksh is the /sbin/sh of Solaris. xmllint reads service manifests.
SCRIPT_PACKAGES="dash ksh93u+m devscripts libxml2-utils"
FUZZ_PACKAGES="clang libclang-rt-dev"
WINDOWS_PACKAGES="gcc-mingw-w64-x86-64-posix binutils-mingw-w64-x86-64 mingw-w64-x86-64-dev"
BENCH_PACKAGES="wrk"
# netavark and aardvark-dns by name: without recommends podman would take a network that knows no host names.
IMAGE_PACKAGES="podman runc netavark aardvark-dns iptables mmdebstrap"
