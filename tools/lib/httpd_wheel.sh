# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The bundled httpd takes minutes to compile: once for a platform and a Python, then it is a wheel in the cache.

# httpd_wheel PYTHON: prints the wheel's path.
httpd_wheel() {
    platform=$("$1" - <<'EOF_PYTHON'
import platform, sysconfig
release = platform.freedesktop_os_release()
print("-".join((release["ID"], release.get("VERSION_ID", "rolling"), sysconfig.get_platform(), sysconfig.get_config_var("SOABI"))))
EOF_PYTHON
    )
    version=$(sed -n 's/^mod_wsgi-httpd==//p' "$CHECKOUT/requirements/httpd.txt")
    shelf=$CACHE/httpd/$version/$platform
    mkdir -p "$shelf"
    (
        command -v flock >/dev/null && flock 9 # who comes second waits, and finds it made
        [ -n "$(httpd_wheel_in "$shelf")" ] || compile_httpd "$1"
        httpd_wheel_in "$shelf"
    ) 9>"$shelf/.lock"
}

httpd_wheel_in() { find "$1" -maxdepth 1 -name '*.whl'; }

compile_httpd() {
    say "compiling the bundled httpd $version for $platform (once, about 3 minutes)"
    work=$(mktemp -d "$shelf/.work-XXXXXX")
    # pip, setuptools and wheel anew: Debian's pip 23 compiles first and then finds that it cannot make a wheel.
    if "$1" -m venv "$work/venv" &&
        "$work/venv/bin/python" -m pip install --quiet --upgrade pip setuptools wheel &&
        TMPDIR="$work" MAKEFLAGS="-j$(nproc)" "$work/venv/bin/python" -m pip wheel --no-deps --no-cache-dir --no-build-isolation \
            --wheel-dir "$work/out" --requirement "$CHECKOUT/requirements/httpd.txt"; then
        mv "$work/out"/*.whl "$shelf/"
        rm -rf "$work"
    else
        rm -rf "$work"
        return 1
    fi >&2
}
