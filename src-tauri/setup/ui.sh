#!/bin/sh
# The interface, built into ui/dist: the window's binary contains it, so it comes before cargo.
set -eu
. "$(dirname "$0")/common.sh"
cd "$repository/ui"

# npm writes this file last.
if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
    say "Installing the interface's npm packages"
    # npm 11 refuses a lock file without an optional package that is not published for another platform, and
    # nothing could put it there. `install` takes the same locked versions and is content.
    npm ci --no-audit --no-fund >/dev/null 2>&1 || npm install --no-save --no-audit --no-fund >&2
    touch node_modules/.package-lock.json
fi

if [ ! -f dist/index.html ] || [ -n "$(find . \( -name node_modules -o -name dist -o -name paraglide \) -prune \
    -o -type f -newer dist/index.html -print | head -n 1)" ]; then
    say "Building the interface"
    npm run --silent build >&2
fi
