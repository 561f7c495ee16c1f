#!/bin/sh
# nginx, Caddy and Lua for the tests of forward authentication, as links in .bin: the installed ones, else those of
# Debian's packages, unpacked beside this script and not installed, so that no server is started. Does nothing when they
# are there.
set -eu
cd "$(dirname "$0")"
mkdir -p .bin

# The program $1, of Debian's packages $2; $3 and following print its version.
provide() {
    name=$1 packages=$2
    shift 2
    if "$@" >/dev/null 2>&1; then
        return
    fi
    rm -f ".bin/$name"
    found=$(PATH=$PATH:/usr/sbin command -v "$name" || true)
    if [ -z "$found" ]; then
        unpack "$packages"
        for found in "$PWD/.debian/usr/sbin/$name" "$PWD/.debian/usr/bin/$name"; do
            [ ! -x "$found" ] || break
        done
    fi
    ln -s "$found" ".bin/$name"
    "$@" >/dev/null || {
        echo "proxies: $found does not run: install $packages" >&2
        exit 1
    }
}

unpack() {
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "proxies: this is no Debian: install $1" >&2
        exit 1
    fi
    folder=$(mktemp -d)
    (
        cd "$folder"
        # Packages of yesterday's lists may be gone.
        apt-get download -qq $1 >/dev/null 2>&1 || {
            as_root=
            [ "$(id -u)" = 0 ] || as_root='sudo -n'
            $as_root apt-get update -qq
            apt-get download -qq $1 >/dev/null
        }
    )
    for package in "$folder"/*.deb; do
        dpkg-deb -x "$package" .debian
    done
    rm -r "$folder"
}

provide nginx nginx .bin/nginx -v
provide caddy caddy .bin/caddy version
provide lua5.1 lua5.1 .bin/lua5.1 -v
