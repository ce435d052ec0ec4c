#!/bin/sh
# The .deb: the window, the command line, the interface and the database's programs.
set -eu
. "$(dirname "$0")/common.sh"
cd "$repository"

programs=${GATEHOUSE_PG_DIR:-$(cache_dir)/postgres-18.4}
target=${CARGO_TARGET_DIR:-target}
cargo build --locked --release -p gatehousectl
# The place where src-tauri/crates/pg/src/binaries.rs looks beside an installed program.
npm exec --yes -- @tauri-apps/cli@2 build --bundles deb --config "{ \"bundle\": {
    \"resources\": { \"$programs/\": \"postgres/\" },
    \"linux\": { \"deb\": { \"files\": { \"/usr/bin/gatehousectl\": \"$target/release/gatehousectl\" } } }
} }"
