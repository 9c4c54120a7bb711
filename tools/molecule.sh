# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# ./run molecule [SCENARIO ... | --all]: the roles on real images with systemd as PID 1. Without arguments, the set of the gate.

# shellcheck source=lib/packages.sh
. "$CHECKOUT/tools/lib/packages.sh"
# shellcheck source=lib/httpd_wheel.sh
. "$CHECKOUT/tools/lib/httpd_wheel.sh"
# shellcheck source=lib/images.sh
. "$CHECKOUT/tools/lib/images.sh"

for scenario; do
    [ "$scenario" = --all ] || [ -e "$CHECKOUT/molecule/$scenario/molecule.yml" ] ||
        die "molecule: unknown scenario '$scenario'; there are $(molecule_all | tr '\n' ' ')"
done
if is_root; then
    # shellcheck disable=SC2086  # lists of words
    need_packages molecule $SERVER_PACKAGES $IMAGE_PACKAGES
fi
! why=$(images_impossible) || die "molecule: no images here: $why"
need_venv dev
MOD_WSGI_HTTPD_WHEEL=$(httpd_wheel /usr/bin/python3)
export MOD_WSGI_HTTPD_WHEEL
# shellcheck disable=SC2046,SC2086  # lists of words
case ${1:-} in
    '') set -- $MOLECULE_GATE ;;
    --all) set -- $(molecule_all) ;;
esac
molecule_scenarios "$@"
