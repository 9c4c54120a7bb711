# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Stages: each is a function, its output goes to the terminal and to build/log/, and a failed one stops no other.

LOGS=$CHECKOUT/build/log
STAGES=$LOGS/stages
stages_begin() {
    rm -rf "$LOGS"
    mkdir -p "$LOGS"
    : >"$STAGES"
}

# stage NAME FUNCTION [ARGUMENTS]: $stage_status is its exit code.
stage() {
    name=$1
    shift
    log=$LOGS/$(printf '%s' "$name" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9\n' '-' | sed 's/-$//').log
    printf '\n=== %s\n' "$name"
    begin=$(date +%s)
    {
        set +e
        (
            set -e
            "$@"
        )
        echo $? >"$log.status"
    } </dev/null 2>&1 | tee "$log"
    status=$(cat "$log.status")
    rm -f "$log.status"
    result=ok
    [ "$status" -eq 0 ] || result="FAILED ($status)"
    record "$name" "$result" $(($(date +%s) - begin)) "$(count "$log")"
    stage_status=$status
}

# left_out NAME WHY
left_out() {
    printf '\n=== %s: left out, %s\n' "$1" "$2"
    record "$1" "left out" 0 "0 0 0"
}

record() { printf '%s|%s|%s|%s\n' "$1" "$2" "$3" "$4" >>"$STAGES"; }

# The summaries of pytest ("= 3 passed, 1 skipped in 2.1s =") and of our C tests ("3 passed, 0 failed"), added up.
count() {
    awk '
        /^(=+ )?[0-9]+ (passed|failed|errors?|skipped|xfailed|xpassed|deselected|warnings?|rerun)[, ]/ {
            for (i = 1; i < NF; i++)
                if ($i ~ /^[0-9]+$/) {
                    if ($(i + 1) ~ /^passed/) passed += $i
                    if ($(i + 1) ~ /^(failed|errors?)/) failed += $i
                    if ($(i + 1) ~ /^skipped/) skipped += $i
                }
        }
        END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

# The table and the closing line. A stage that failed without a failed test counts as one failure. 0: all is well.
stages_end() {
    awk -F '|' '
        BEGIN { printf "\n%-34s %-12s %8s %8s %8s %8s\n", "stage", "result", "seconds", "passed", "failed", "skipped" }
        {
            split($4, n, " ")
            if ($2 ~ /^FAILED/ && n[2] == 0) n[2] = 1
            printf "%-34s %-12s %8d %8d %8d %8d\n", $1, $2, $3, n[1], n[2], n[3]
            seconds += $3; passed += n[1]; failed += n[2]; skipped += n[3]
        }
        END {
            printf "%-34s %-12s %8d %8d %8d %8d\n\n", "all", "", seconds, passed, failed, skipped
            printf "%d passed, %d failed\n", passed, failed
            exit failed > 0
        }' "$STAGES"
}
