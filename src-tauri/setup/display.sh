#!/bin/sh
# Says so early where no window can open.
set -eu
. "$(dirname "$0")/common.sh"

[ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] || exit 0
die "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open.

    make serve      the same interface in a browser
    xvfb-run make run   the window on a virtual display"
