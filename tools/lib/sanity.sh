# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What Ansible's own tools say of the collection. ansible-test insists on a path .../ansible_collections/NAMESPACE/NAME, takes
# no symbolic links and, inside a git checkout, looks at nothing that git ignores: the collection is built and unpacked elsewhere.

# unpack_collection TREE
unpack_collection() {
    collection=$1/ansible_collections/modwsgi/toolkit
    mkdir -p "$collection"
    ansible-galaxy collection build --output-path "$1" "$CHECKOUT" >/dev/null &&
        tar -xf "$1"/modwsgi-toolkit-*.tar.gz -C "$collection"
}

# ansible-test fetches get-pip.py for the environments of its tests, unless it finds one: Python has a pip to install.
sanity_home() {
    home=$CACHE/sanity
    script=$home/.ansible/test/cache/get_pip_24_2.py
    mkdir -p "${script%/*}"
    printf 'import ensurepip\nensurepip.bootstrap()\n' >"$script"
}

# mod_wsgi_src is a distribution of its own with lints of its own; the examples are applications.
ansible_test_sanity() {
    python_version=$(python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    cd "$collection" && HOME=$home ansible-test sanity --color no --python "$python_version" \
        --exclude mod_wsgi_src/ --exclude examples/ "$@"
}

antsibull_docs() {
    ANSIBLE_COLLECTIONS_PATH=$1 antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=all \
        --disallow-unknown-collection-refs "$collection"
}

# sanity_all [ARGUMENTS of ansible-test sanity]: both report before the verdict.
sanity_all() (
    tree=$(mktemp -d)
    trap 'rm -rf "$tree"' EXIT
    trap 'exit 130' INT TERM HUP
    unpack_collection "$tree" && sanity_home || return
    verdict=0
    (ansible_test_sanity "$@") || verdict=1
    say "antsibull-docs lint-collection-docs"
    antsibull_docs "$tree" || verdict=1
    return "$verdict"
)
