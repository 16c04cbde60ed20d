#!/usr/bin/env bash
# Breaks one promise after the other on purpose (src/storage/sabotage.rs, feature `faults`) and expects
# the test that guards it to turn red. A fault's test in tests/promises.rs carries its name:
# `drop-guard` is caught by the tests whose names contain `drop_guard`.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

faults="answer-before-fsync drop-guard skip-timer forget-outbox snapshot-order idempotency-one-region"
run=("${CARGO:-cargo}" test --locked --features faults --test promises)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A red test must be the fault's doing, not the compiler's.
"${run[@]}" --no-run || exit 1

missed=0
for fault in $faults; do
    name=${fault//-/_}
    if ! "${run[@]}" -- "$name" >"$log" 2>&1 || ! grep -q "^test .*$name.* ok$" "$log"; then
        printf '%-24s no green test of that name to begin with\n' "$fault"
        tail -20 "$log"
        missed=$((missed + 1))
    elif CALLOUT_SABOTAGE=$fault "${run[@]}" -- "$name" >"$log" 2>&1; then
        printf '%-24s NOT noticed\n' "$fault"
        missed=$((missed + 1))
    else
        printf '%-24s noticed by %s\n' "$fault" "$(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | paste -sd ' ')"
    fi
done
[ "$missed" = 0 ]
