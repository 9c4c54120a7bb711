# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Every check that reads and never runs the code. All of them report before the verdict.

check() {
    name=$1
    shift
    printf '%s ... ' "$name"
    if output=$("$@" 2>&1); then
        echo ok
    else
        printf 'FAILED\n%s\n' "$output"
        lint_failed="$lint_failed $name"
    fi
}

# Files that git knows or would add, by pattern.
files() { git ls-files --cached --others --exclude-standard -- "$@"; }

check_shell() {
    files | while IFS= read -r file; do
        if [ ! -f "$file" ] || [ -L "$file" ]; then continue; fi
        case $file in
            *.sh) echo "$file" ;;
            *.*) ;;
            *) ! head -n 1 "$file" | grep -Eq '^#!.*[/ ](sh|bash|dash)$' || echo "$file" ;;
        esac
    done | xargs shellcheck --external-sources
}

# Only the names: `clang-format -i FILE` says the rest.
check_c_format() {
    files '*.c' '*.h' | while IFS= read -r file; do
        if [ -f "$file" ]; then clang-format "$file" | cmp -s - "$file" || echo "$file"; fi
    done | { ! grep .; }
}

# Nothing of the machine it was written on, and no secret's usual shapes.
check_strays() {
    ! git grep -nE '/root/\.pyenv|/work/(main|shared)|BEGIN [A-Z ]*PRIVATE KEY' -- . ':!tools/lint.sh'
}

lint_all() {
    cd "$CHECKOUT" || return
    lint_failed=
    check "ruff check" ruff check --quiet .
    check "ruff format" ruff format --check --quiet .
    check "ansible-lint (production)" ansible-lint --offline --profile production --nocolor -q
    check "shellcheck" check_shell
    check "clang-format" check_c_format
    check "changelog" antsibull-changelog lint
    check "stray paths" check_strays
    [ -z "$lint_failed" ]
}
