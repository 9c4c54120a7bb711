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

log_of() { echo "$LOGS/$(printf '%s' "$1" | tr '[:upper:]' '[:lower:]' | tr -cs 'a-z0-9\n' '-' | sed 's/-$//').log"; }

# run_stage LOG FUNCTION [ARGUMENTS]: to standard output; the exit code goes to LOG.status.
run_stage() {
    log=$1
    shift
    set +e
    (
        set -e
        "$@"
    )
    echo $? >"$log.status"
}

# judge NAME LOG BEGIN: into the table; $stage_status is the stage's exit code.
judge() {
    stage_status=$(cat "$2.status")
    rm -f "$2.status"
    result=ok
    [ "$stage_status" -eq 0 ] || result="FAILED ($stage_status)"
    record "$1" "$result" $(($(date +%s) - $3)) "$(count "$2")"
}

# stage NAME FUNCTION [ARGUMENTS]: $stage_status is its exit code.
stage() {
    name=$1
    shift
    log=$(log_of "$name")
    printf '\n=== %s\n' "$name"
    begin=$(date +%s)
    { run_stage "$log" "$@"; } </dev/null 2>&1 | tee "$log"
    judge "$name" "$log" "$begin"
}

# beside NAME FUNCTION [ARGUMENTS]: a stage that runs while others do; `wait_beside` shows and judges it. One at a time.
beside() {
    beside_name=$1
    shift
    beside_log=$(log_of "$beside_name")
    # shellcheck disable=SC2094  # run_stage writes beside it
    run_stage "$beside_log" "$@" </dev/null >"$beside_log" 2>&1 &
    beside_pid=$!
}

# Its seconds are those that were still to wait.
wait_beside() {
    begin=$(date +%s)
    printf '\n=== %s\n' "$beside_name"
    wait "$beside_pid" || :
    cat "$beside_log"
    judge "$beside_name" "$beside_log" "$begin"
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
