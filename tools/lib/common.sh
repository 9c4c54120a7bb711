# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What every command of ./run shares: messages, the locale, and a virtual environment that is complete or made anew.

say() { printf '%s\n' "run: $*" >&2; }
die() {
    printf '%s\n' "run: error: $*" >&2
    exit 2
}
is_root() { [ "$(id -u)" -eq 0 ]; }

CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/modwsgi-toolkit
# Ansible calls the interpreter without quotes: in a checkout whose path has a space the venv must lie elsewhere.
case $CHECKOUT in
    *[[:space:]]*) VENV=$CACHE/venv-$(printf '%s' "$CHECKOUT" | cksum | cut -d ' ' -f 1) ;;
    *) VENV=$CHECKOUT/.venv ;;
esac
export ANSIBLE_COLLECTIONS_PATH="$CHECKOUT/collections"

# Ansible refuses any other encoding.
[ "$(locale charmap 2>/dev/null)" = UTF-8 ] || export LC_ALL=C.UTF-8

# A Python that ansible-core 2.19 runs on. $MOD_WSGI_PYTHON wins, then what is on PATH.
find_python() {
    for candidate in ${MOD_WSGI_PYTHON:+"$MOD_WSGI_PYTHON"} python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    die "no Python 3.11, 3.12 or 3.13 on PATH; install one, or name it: MOD_WSGI_PYTHON=/path/to/python3 ./run ..."
}

# Debian ships Python without the module that makes virtual environments.
need_venv_module() {
    "$1" -c 'import venv, ensurepip' 2>/dev/null && return
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if is_root && command -v apt-get >/dev/null; then
        say "installing $package: $1 cannot make a virtual environment without it"
        apt-get update -qq </dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$package" </dev/null >/dev/null
        "$1" -c 'import venv, ensurepip' 2>/dev/null && return
    fi
    die "$1 cannot make a virtual environment; install the package $package (apt-get install $package)"
}

# need_venv site|dev: .venv holds requirements/$1.txt afterwards. Its stamp is written last and names the requirements,
# the interpreter and this directory, so a venv that was interrupted, moved or outdated is made anew.
need_venv() {
    python=$(find_python) || exit 2
    stamp=$({ cat "$CHECKOUT/requirements/site.txt" && echo "$CHECKOUT" && "$python" -VV; } | sha256sum)
    extra=$(sha256sum <"$CHECKOUT/requirements/dev.txt")
    mkdir -p "$(dirname "$VENV")"
    (
        command -v flock >/dev/null && flock 9
        if [ "$(cat "$VENV/.complete-site" 2>/dev/null)" != "$stamp" ]; then
            need_venv_module "$python"
            say "making ${VENV##*/} with $("$python" -V) from requirements/site.txt (once, about half a minute)"
            rm -rf "$VENV"
            "$python" -m venv "$VENV"
            install_pinned site
            printf '%s\n' "$stamp" >"$VENV/.complete-site"
        fi
        if [ "$1" = dev ] && [ "$(cat "$VENV/.complete-dev" 2>/dev/null)" != "$extra" ]; then
            say "adding the test tools to ${VENV##*/} from requirements/dev.txt (once, about a minute)"
            rm -f "$VENV/.complete-dev"
            install_pinned dev
            printf '%s\n' "$extra" >"$VENV/.complete-dev"
        fi
    ) 9>"$VENV.lock"
    # molecule and ansible-lint call ansible-playbook and pytest by name.
    export PATH="$VENV/bin:$PATH"
}

install_pinned() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
        --requirement "$CHECKOUT/requirements/$1.txt" </dev/null ||
        die "pip could not install requirements/$1.txt into $VENV; its message is above, and ./run begins anew next time"
}
