# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The mirror of Debian that this machine's apt uses, for whatever else takes packages from there.

debian_mirror() {
    # shellcheck disable=SC2016  # for apt-get
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
        grep -v security | sort -u | head -n 1
}

# The settings of apt that go with it, a line each: a frozen mirror has expired Release files.
debian_mirror_settings() {
    apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|http::Proxy|https::Proxy) "' || true
}
