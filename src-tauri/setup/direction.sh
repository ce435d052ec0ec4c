#!/bin/bash
# Dependencies point one way: shell, ctl -> net, scan, pg, core; net -> core, scan, pg; the rest on nothing of ours.
# And the product's core knows no window, no HTTP and no mail.
set -euo pipefail
. "$(dirname "$0")/common.sh"
cd "$repository"

tree() { cargo tree --locked --all-features --edges normal,build --prefix none --format '{lib} {p}' -p "$1"; }
wrong=0

# may_use CRATE [CRATE...]: the first depends on none of ours but the others.
may_use() {
    local crate=$1 found
    shift
    while read -r found; do
        case " $crate $* " in
            *" $found "*) ;;
            *) echo "$crate must not depend on $found" >&2 && wrong=1 ;;
        esac
    done < <(tree "$crate" | awk '{ print $2 }' | grep -E '^gatehouse' | sort -u)
}

may_use gatehouse-core
may_use gatehouse-scan
may_use gatehouse-pg
may_use gatehouse-net gatehouse-core gatehouse-scan gatehouse-pg
may_use gatehousectl gatehouse-core gatehouse-scan gatehouse-pg gatehouse-net
may_use gatehouse gatehouse-core gatehouse-scan gatehouse-pg gatehouse-net

while read -r found; do
    echo "gatehouse-core must not depend on $found" >&2 && wrong=1
done < <(tree gatehouse-core | awk '{ print $2 }' | grep -xE 'tauri|axum|hyper|reqwest|ureq|lettre|tower-http' | sort -u)

[ "$wrong" = 0 ] && echo "direction of dependencies: 6 crates as drawn"
exit "$wrong"
