# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Containers that boot systemd, by podman and runc: can they be had here?

# Prints why containers cannot be started here; 1 when they can.
images_impossible() {
    if ! is_root; then
        echo "not root"
    elif ! command -v podman >/dev/null || ! command -v runc >/dev/null || ! command -v mmdebstrap >/dev/null; then
        echo "podman, runc or mmdebstrap is missing"
    elif ! problem=$(podman --runtime runc info 2>&1 >/dev/null); then
        echo "podman does not work: $(printf '%s\n' "$problem" | tail -n 1)"
    else
        return 1
    fi
}

MOLECULE_GATE="default multi solaris" # what `./run molecule` runs
MOLECULE_ADVISORY="sid"               # what may fail without failing the run: sid changes every day

# Containers carry this checkout's mark, so that two checkouts can test side by side on one machine.
molecule_test() {
    cd "$CHECKOUT" || return
    MOD_WSGI_IMAGE_SUFFIX=-$(printf '%s' "$CHECKOUT" | cksum | cut -c1-6)
    export MOD_WSGI_IMAGE_SUFFIX
    molecule test --no-command-borders "$@"
}

molecule_all() { find "$CHECKOUT/molecule" -mindepth 2 -maxdepth 2 -name molecule.yml | awk -F / '{ print $(NF - 1) }' | LC_ALL=C sort; }

molecule_is_advisory() { case " $MOLECULE_ADVISORY " in *" $1 "*) true ;; *) false ;; esac }

# Prints why a scenario cannot be tried here; 1 when it can.
molecule_impossible() {
    [ "$1" = solaris-host ] && [ -z "${MOD_WSGI_SOLARIS_HOST:-}" ] && echo "MOD_WSGI_SOLARIS_HOST names no machine"
}

# molecule_scenarios SCENARIO...: one after the other, whatever fails; then a line for each.
molecule_scenarios() {
    verdict=0
    table=
    for scenario; do
        begin=$(date +%s)
        if why=$(molecule_impossible "$scenario"); then
            result="left out: $why"
        elif molecule_test -s "$scenario"; then
            result=passed
        elif molecule_is_advisory "$scenario"; then
            result="FAILED, which is told and no more"
        else
            result=FAILED
            verdict=1
        fi
        table="$table$(printf '%-14s %5d s  %s' "$scenario" $(($(date +%s) - begin)) "$result")
"
    done
    printf '\n%s' "$table"
    return "$verdict"
}
