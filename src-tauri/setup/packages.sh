#!/bin/sh
# packages.sh build|test|camera: the system's packages. Installs what is missing where apt and the rights are
# there, otherwise says what to install.
set -eu
. "$(dirname "$0")/common.sh"

# The window; the webcam's bindings (bindgen); the QR decoder in C++.
packages="libwebkit2gtk-4.1-dev libclang-dev cmake g++ pkg-config"
case $1 in
    build) ;;
    # A virtual display, the two browsers that tests drive, letters of the languages they look at.
    test) packages="$packages xvfb xauth webkit2gtk-driver chromium fonts-dejavu-core fonts-noto-core qemu-system-x86" ;;
    camera) packages="$packages qemu-system-x86" ;;
    *) die "packages.sh build|test|camera" ;;
esac

if ! command -v dpkg-query >/dev/null; then
    pkg-config --exists webkit2gtk-4.1 2>/dev/null && command -v cmake >/dev/null && exit 0
    die "This is no Debian or Ubuntu. Install what these Debian packages hold, then run again:
    $packages"
fi

missing=
for package in $packages; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *"ok installed") ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    die "These packages are missing and this account may not install them. Run, then try again:

    sudo apt-get install --no-install-recommends$missing
"
fi

say "Installing$missing"
apt() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >&2
}
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing || {
    # The list of a fresh machine is empty or old.
    apt update
    # shellcheck disable=SC2086
    apt install -y --no-install-recommends $missing
}
