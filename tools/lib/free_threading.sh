# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The server's tests with a CPython that has no GIL. Debian does not package one: it is built from Debian's source
# package, once, into the cache.

# shellcheck source=debian_mirror.sh
. "$CHECKOUT/tools/lib/debian_mirror.sh"

FREE_THREADED_RELEASE=trixie
FREE_THREADED_SOURCE=python3.13
FREE_THREADED_PACKAGES="xz-utils libffi-dev zlib1g-dev pkg-config"

# free_threaded_python DIRECTORY: unpacks it there, and prints the interpreter. Not from the cache itself, which the
# users that daemons run as cannot enter.
free_threaded_python() {
    archive=$CACHE/python/$FREE_THREADED_SOURCE-free-threaded.tar
    mkdir -p "${archive%/*}"
    (
        command -v flock >/dev/null && flock 9
        [ -s "$archive" ] || build_free_threaded "$archive" >&2
    ) 9>"$archive.lock" && tar -xf "$archive" -C "$1" && find "$1/bin" -name 'python3.*t' ! -name '*-config'
}

build_free_threaded() {
    say "building $FREE_THREADED_SOURCE without the GIL (once, about 5 minutes)"
    work=$(mktemp -d "$1.XXXXXX")
    if fetch_python_source "$work" && make_python "$work" >"$work/build.log" 2>&1; then
        tar -cf "$work/done.tar" -C "$work/root" . && mv "$work/done.tar" "$1"
        rm -rf "$work"
    else
        [ ! -f "$work/build.log" ] || tail -n 20 "$work/build.log"
        rm -rf "$work"
        return 1
    fi
}

# With apt, so that its signature is checked; from the mirror that this machine uses, and without a trace in its lists.
fetch_python_source() (
    mkdir -p "$1/apt/lists/partial" "$1/apt/archives/partial" && cd "$1" || return
    mirror=$(debian_mirror)
    echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $FREE_THREADED_RELEASE main" >apt/sources.list
    chmod -R a+rX "$1"
    set -- -qq -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$PWD/apt/lists" \
        -o Dir::Cache="$PWD/apt" -o APT::Sandbox::User=root
    apt-get "$@" update && apt-get "$@" source --download-only "$FREE_THREADED_SOURCE" &&
        mkdir source && tar -xf "$FREE_THREADED_SOURCE"_*.orig.tar.xz --strip-components=1 -C source
)

# libpython is found beside the interpreter, wherever that is unpacked.
make_python() (
    # shellcheck disable=SC2016  # for the linker
    cd "$1/source" &&
        ./configure --quiet --prefix=/ --disable-gil --enable-shared --disable-test-modules LDFLAGS='-Wl,-rpath,\$$ORIGIN/../lib' &&
        make --silent -j "$(nproc)" && make --silent install DESTDIR="$1/root"
)

# free_threaded_suite DIRECTORY TESTS...: builds the module there, for that Python. A file or directory of
# tests at a time: the same name may be in several.
free_threaded_suite() {
    directory=$1
    shift
    mkdir "$directory/python" && python=$(free_threaded_python "$directory/python") &&
        "$python" -m venv "$directory/free-threaded" &&
        MOD_WSGI_WERROR=1 "$directory/free-threaded/bin/python" -m pip install --quiet --no-input "$CHECKOUT/mod_wsgi_src" ||
        return
    failed=0
    for tests; do
        MOD_WSGI_VENV="$directory/free-threaded" MOD_WSGI_TEST_PYTHON=$python PYTHONDONTWRITEBYTECODE=1 \
            "$VENV/bin/python" -m pytest -q -ra --color=no -p no:cacheprovider -n 2 --dist loadfile \
            --basetemp="$directory/pytest-free" "$tests" || failed=1
    done
    return "$failed"
}
