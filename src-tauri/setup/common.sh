# What the set-up scripts share; sourced, not run.

# rustup's folder is not in the path of a fresh login shell, let alone of a CI runner's.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
repository=$(cd "$(dirname "$0")/../.." && pwd)

say() { printf '\n== %s\n' "$*" >&2; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The cache of this account; root's must be open to the unprivileged account that Postgres runs as.
# src-tauri/crates/pg/src/binaries.rs looks in the same place.
cache_dir() {
    if [ "$(id -u)" = 0 ]; then
        echo /var/cache/gatehouse
    else
        echo "${XDG_CACHE_HOME:-$HOME/.cache}/gatehouse"
    fi
}
