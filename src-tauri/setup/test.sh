#!/bin/bash
# Every check and every suite. A failure does not keep the others from running; the end repeats each runner's own
# summary line. What is not there yet is not mentioned, and never counted as passed.
set -uo pipefail
. "$(dirname "$0")/common.sh"
here=$(cd "$(dirname "$0")" && pwd)
cd "$repository" || exit 1
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
window=(--features tauri/custom-protocol)
summary=()
failed=0

# step NAME PATTERN COMMAND…: runs COMMAND; PATTERN finds the runner's own summary lines, and the names of what failed.
step() {
    local name=$1 pattern=$2 log="$logs/log" status verdict line
    shift 2
    say "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    verdict=ok
    [ "$status" = 0 ] || verdict=FAILED failed=1
    while read -r line; do
        summary+=("$(printf '%-7s %-10s %s' "$verdict" "$name" "$line")")
    done < <(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E "$pattern" || echo "exit code $status")
    return "$status"
}

lint() {
    # Under a live database, so that the same pass writes down today's queries for the next step.
    "$here/sqlx.sh" "$logs/sqlx" \
        cargo clippy --workspace --all-targets --locked "${window[@]}" -- -D warnings
}

same() {
    diff -r "$1" "$2" >&2 || die "$1 is not current: make $3"
    echo "$1 is current ($(find "$1" -type f | wc -l) files)"
}

rust_tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --locked "${window[@]}"
    else
        cargo test --workspace --locked "${window[@]}" --lib --bins --tests --no-fail-fast
    fi
}

"$here/setup.sh" test || exit 1

step format '^Diff in' cargo fmt --all --check
step direction '.' "$here/direction.sh"
if cargo deny --version >/dev/null 2>&1; then
    step deny ' ok|FAILED' cargo deny check
fi
# A lint run that broke off has not seen every query, so there is nothing to compare.
if step lint 'Finished|^error' lint; then
    step queries 'current' same .sqlx "$logs/sqlx" sqlx
fi
step rust 'Summary \[|^test result|^ +(FAIL|TIMEOUT|SIGNAL|SIG[A-Z]+) \[|^test .* FAILED$' rust_tests
step types 'svelte-check found' npm --prefix ui run --silent check
step components ' Tests  | FAIL ' npm --prefix ui test --silent
# Bounded, and its whole process group with it: what a stuck suite leaves behind would hold this pipe open for ever.
for suite in ui desktop; do
    if [ -x "tests/$suite/run" ]; then
        step "$suite" '^ +[0-9]+ (passed|failed|flaky|skipped)|^    \[[a-z]+\] .*›|^ℹ (tests|pass|fail) |^✖ ' timeout --kill-after=10s 25m "tests/$suite/run"
    fi
done
if tests/camera/vm --possible; then
    step camera ' passed' timeout --kill-after=10s 10m tests/camera/run
else
    summary+=("skipped camera     only where Debian's kernel can be started in an emulated x86-64 machine")
fi

say "Summary"
printf '%s\n' "${summary[@]}"
exit "$failed"
