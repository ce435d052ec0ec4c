#!/bin/sh
# setup.sh build|test|camera: everything that a build (a test run, the camera's machine) needs and that is
# missing. Quick when nothing is.
set -eu
. "$(dirname "$0")/common.sh"
here=$(dirname "$0")

"$here/packages.sh" "$1"
"$here/toolchain.sh" "$1"
"$here/postgres.sh"
"$here/ui.sh"
