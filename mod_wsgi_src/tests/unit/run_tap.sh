#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs TAP programs and sums up: the last line is "N passed, M failed". A program that dies counts as a failure.
passed=0
failed=0
for program in "$@"; do
    echo "# ${program##*/}"
    output=$("$program" 2>&1)
    status=$?
    printf '%s\n' "$output"
    good=$(printf '%s\n' "$output" | grep -c '^ok ')
    bad=$(printf '%s\n' "$output" | grep -c '^not ok ')
    planned=$(printf '%s\n' "$output" | sed -n 's/^1\.\.//p')
    if [ "$((good + bad))" -ne "${planned:-0}" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
        echo "# ${program##*/} ended early or badly (exit code $status)"
        bad=$((bad + 1))
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
