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

# step NAME PATTERN COMMAND…: runs COMMAND; PATTERN finds the runner's own summary line in what it says.
step() {
    local name=$1 pattern=$2 log line status
    shift 2
    log="$logs/log"
    say "$name"
    "$@" 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    line=$(sed 's/\x1b\[[0-9;]*m//g' "$log" | grep -E "$pattern" | tail -n 1 | sed 's/^ *//')
    if [ "$status" = 0 ]; then
        summary+=("$(printf 'ok      %-12s %s' "$name" "$line")")
    else
        summary+=("$(printf 'FAILED  %-12s %s' "$name" "$line")")
        failed=1
    fi
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

step format '.' cargo fmt --all --check
step direction '.' "$here/direction.sh"
if cargo deny --version >/dev/null 2>&1; then
    step deny '.' cargo deny check
fi
step lint 'Finished|error' lint
step queries 'current' same .sqlx "$logs/sqlx" sqlx
if [ -x "$here/bindings.sh" ]; then
    step bindings 'current' bash -c '"$0/bindings.sh" "$1" && diff -r ui/src/ipc/bindings "$1" &&
        echo "ui/src/ipc/bindings is current"' "$here" "$logs/bindings"
fi
step rust 'Summary \[|^test result' rust_tests
step types 'svelte-check found' npm --prefix ui run --silent check
step components 'Tests ' npm --prefix ui test --silent
for suite in ui desktop camera; do
    if [ -x "tests/$suite/run.sh" ]; then
        step "tests/$suite" 'passed|failed' "tests/$suite/run.sh"
    fi
done

say "Summary"
printf '%s\n' "${summary[@]}"
exit "$failed"
