#!/bin/sh
# toolchain.sh build|test|camera: whether Rust and Node are there and new enough. Their installers are not ours
# to run.
set -eu
. "$(dirname "$0")/common.sh"

wanted_rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$repository/Cargo.toml")
wanted_node=20.19

at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

command -v cargo >/dev/null || die "Rust $wanted_rust or newer is needed: https://rustup.rs"
rust=$(cd "$repository" && rustc --version | cut -d' ' -f2)
at_least "$wanted_rust" "$rust" || die "Rust $wanted_rust or newer is needed, this is $rust: rustup update"
command -v npm >/dev/null || die "Node.js $wanted_node or newer with npm is needed: https://nodejs.org"
node=$(node --version | tr -d v)
at_least "$wanted_node" "$node" || die "Node.js $wanted_node or newer is needed, this is $node."

if [ "$1" = test ]; then
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 ||
        die "The tests need rustfmt and clippy: rustup component add rustfmt clippy"
fi
