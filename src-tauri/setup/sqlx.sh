#!/bin/bash
# sqlx.sh OUT COMMAND…: runs a compiling COMMAND (cargo check, cargo clippy) against a fresh, migrated database, so
# that the query macros ask it and write what they learn. OUT then holds exactly today's queries.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$repository"

mkdir -p "$1"
out=$(cd "$1" && pwd)
shift
# Not in a private temporary folder: as root, Postgres runs as an account that could not enter it.
work=$(mktemp -d /var/tmp/gatehouse-sqlx.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/queries"

# The macros run only when a file is compiled again.
{ grep -rlE 'query(_as|_scalar)?!' --include='*.rs' src-tauri tests || true; } | xargs -r touch
# Chosen from the whole workspace: the same features, hence the same compiled dependencies, as everything else.
cargo build --quiet --locked --workspace --features tauri/custom-protocol --bin gatehouse-pg
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$work/queries" \
    "${CARGO_TARGET_DIR:-target}/debug/gatehouse-pg" run "$work/postgres" migrations -- "$@"
rm -f "$out"/query-*.json
find "$work/queries" -name 'query-*.json' -exec cp -t "$out" {} +
