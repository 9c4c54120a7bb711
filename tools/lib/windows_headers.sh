# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The headers of httpd and APR as Windows sees them, out of the bundle's source archive: unpacked once, into the cache.

# windows_headers PYTHON: prints their directory.
windows_headers() {
    version=$(sed -n 's/^mod_wsgi-httpd==//p' "$CHECKOUT/requirements/httpd.txt")
    headers=$CACHE/httpd/$version/windows-headers
    mkdir -p "${headers%/*}"
    (
        command -v flock >/dev/null && flock 9
        [ -d "$headers" ] || unpack_windows_headers "$1" >&2
    ) 9>"$headers.lock" && printf '%s\n' "$headers"
}

# pip has no way to fetch an archive and leave it at that: it runs setup.py for the metadata, which compiles httpd. It
# finds no tool to do so, fails, and leaves the unpacked archive behind.
unpack_windows_headers() {
    say "unpacking the headers of httpd $version for Windows (once)"
    work=$(mktemp -d "$headers.XXXXXX")
    PATH=$work/nothing TMPDIR=$work "$1" -m pip download --no-clean --no-deps --no-build-isolation --no-binary :all: \
        --dest "$work" --requirement "$CHECKOUT/requirements/httpd.txt" >"$work/pip.log" 2>&1 || :
    if flatten_windows_headers "$work"; then
        mv "$work/headers" "$headers"
        rm -rf "$work"
    else
        tail -n 5 "$work/pip.log"
        rm -rf "$work"
        return 1
    fi
}

# The records that a build for Windows makes out of what it finds are there ready made (*.hw), and httpd's are not
# needed.
flatten_windows_headers() {
    mkdir "$1/headers" || return
    for archive in httpd apr apr-util; do
        find "$1" -path "*/upstream/$archive-[0-9]*.tar.gz" -exec tar -xzf {} -C "$1" \; || return
    done
    cp "$1"/httpd-[0-9]*/include/*.h "$1"/httpd-[0-9]*/os/win32/os.h "$1"/httpd-[0-9]*/modules/ssl/mod_ssl.h \
        "$1"/apr-[0-9]*/include/*.h "$1"/apr-util-[0-9]*/include/*.h "$1/headers/" &&
        cp "$1"/apr-[0-9]*/include/apr.hw "$1/headers/apr.h" &&
        cp "$1"/apr-util-[0-9]*/include/apu.hw "$1/headers/apu.h" &&
        cp "$1"/apr-util-[0-9]*/include/apu_want.hw "$1/headers/apu_want.h" &&
        touch "$1/headers/ap_config_auto.h" "$1/headers/ap_config_layout.h"
}
