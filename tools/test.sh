# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run test: from cheap to dear. What each stage proves is told in docs/testing.md.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/stages.sh
. "$CHECKOUT/tools/lib/stages.sh"
# shellcheck source=lib/httpd_wheel.sh
. "$CHECKOUT/tools/lib/httpd_wheel.sh"
# shellcheck source=lib/windows_headers.sh
. "$CHECKOUT/tools/lib/windows_headers.sh"
# shellcheck source=lib/lint.sh
. "$CHECKOUT/tools/lib/lint.sh"
# shellcheck source=lib/sanity.sh
. "$CHECKOUT/tools/lib/sanity.sh"
# shellcheck source=lib/sanitizers.sh
. "$CHECKOUT/tools/lib/sanitizers.sh"
# shellcheck source=lib/free_threading.sh
. "$CHECKOUT/tools/lib/free_threading.sh"
# shellcheck source=lib/images.sh
. "$CHECKOUT/tools/lib/images.sh"

images=yes
all=no
for argument; do
    case $argument in
        --no-images) images=no ;;
        --all) all=yes ;;
        *) die "test: unknown argument '$argument'; it takes --no-images and --all" ;;
    esac
done

cd "$CHECKOUT"
export NO_COLOR=1 PY_COLORS=0 PYTHONDONTWRITEBYTECODE=1

# Daemons run as another user, who cannot enter a private checkout: what they read lies in a place of its own.
scratch=$(mktemp -d)
chmod 755 "$scratch"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP
export MOD_WSGI_VENV="$scratch/venv"

packages() {
    # shellcheck disable=SC2086  # lists of words
    set -- $SERVER_PACKAGES $LINT_PACKAGES $SCRIPT_PACKAGES $FUZZ_PACKAGES $WINDOWS_PACKAGES
    # shellcheck disable=SC2086
    [ "$all" = no ] || set -- "$@" $FREE_THREADED_PACKAGES
    # shellcheck disable=SC2086
    [ "$images" = no ] || ! is_root || set -- "$@" $IMAGE_PACKAGES
    need_packages "test" "$@"
}

c_units() { make -j "$(nproc)" --no-print-directory -C mod_wsgi_src/tests/unit check; }
c_python_units() { make -j "$(nproc)" --no-print-directory -C mod_wsgi_src/tests/unit/python check PYTHON="$server_python"; }

portability() {
    headers=$(windows_headers "$VENV/bin/python")
    make -j "$(nproc)" --no-print-directory -C mod_wsgi_src/tests/portability check PYTHON="$server_python" \
        WINDOWS_HEADERS="$headers"
}
fuzz_million() { make -j "$(nproc)" --no-print-directory -C mod_wsgi_src/tests/unit fuzz-million; }

install_server() {
    "$server_python" -m venv "$MOD_WSGI_VENV"
    MOD_WSGI_WERROR=1 "$MOD_WSGI_VENV/bin/python" -m pip install --quiet --no-input ./mod_wsgi_src
    (cd / && "$MOD_WSGI_VENV/bin/mod_wsgi-express" module-config)
}

suite() { python -m pytest -q -ra --color=no -p no:cacheprovider --basetemp="$scratch/pytest" "$@"; }
# Two at a time: servers mostly wait, for each other and for deadlines. A file's tests share servers and stay together.
server_suite() { suite -n 2 --dist loadfile "$@"; }
# Each play is a process of its own, and shares nothing.
toolkit_suite() { suite -n 2 --dist worksteal "$@"; }
build_suite() { suite --basetemp="$scratch/build" mod_wsgi_src/tests/build; } # runs beside another

# What takes minutes once is made beside the first stages. Those that need it find it made, or wait for its lock.
prefetch() {
    httpd_wheel "$server_python"
    [ "$images" = no ] || images_impossible || for suite in bookworm trixie; do molecule/shared/image.sh "$suite"; done
}

stages_begin
stage "packages" packages
stage "tools (.venv)" need_venv dev
[ "$stage_status" -eq 0 ] || { stages_end || exit 1; }
need_venv dev # again, in this shell: PATH

# A server's Python must be readable by the users that daemons run as; the distribution's always is.
server_python=${MOD_WSGI_TEST_PYTHON:-/usr/bin/python3}
[ -x "$server_python" ] || server_python=$(find_python)

prefetch >"$LOGS/prefetch.log" 2>&1 &

# Mostly one thread.
beside "lint" lint_all
stage "C units: transport" c_units
stage "C units: python layer" c_python_units
stage "portability" portability
stage "fuzz: a million of each decoder" fuzz_million
stage "build and install the server" install_server
wait_beside
stage "httpd wheel (cached)" httpd_wheel "$server_python"
MOD_WSGI_HTTPD_WHEEL=$(tail -n 1 "$LOGS/httpd-wheel-cached.log")
if [ -f "$MOD_WSGI_HTTPD_WHEEL" ]; then export MOD_WSGI_HTTPD_WHEEL; else unset MOD_WSGI_HTTPD_WHEEL; fi
# The one compiles, the other mostly waits.
beside "build front ends" build_suite
stage "server against a real httpd" server_suite mod_wsgi_src/tests/functional
wait_beside
stage "mod_wsgi-express" server_suite mod_wsgi_src/tests/express
stage "toolkit" toolkit_suite tests
if [ "$all" = yes ]; then
    stage "sanity of the collection" sanity_all
    stage "fuzz" make --no-print-directory -C mod_wsgi_src/tests/unit fuzz FUZZ_SECONDS=60
    stage "server under sanitizers" sanitized_suite "$scratch" mod_wsgi_src/tests/functional
    stage "server without the GIL" free_threaded_suite "$scratch" mod_wsgi_src/tests/functional mod_wsgi_src/tests/express
    stage "coverage" python mod_wsgi_src/tests/coverage/coverage.py
fi

incomplete=no
if [ "$images" = no ]; then
    left_out "molecule" "--no-images"
elif why=$(images_impossible); then
    left_out "molecule" "$why"
    incomplete=yes
elif [ "$all" = yes ]; then
    # shellcheck disable=SC2046  # a list of words
    stage "molecule: all" molecule_scenarios $(molecule_all)
else
    stage "molecule: default" molecule_test -s default
fi

verdict=0
stages_end || verdict=1
if [ "$incomplete" = yes ]; then
    say "the images were left out ($why): this run proves less than it should. Say --no-images to accept that"
    verdict=1
fi
exit "$verdict"
