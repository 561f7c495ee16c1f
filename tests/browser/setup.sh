#!/bin/sh
# Chromium from Debian's packages, and the pinned npm packages beside this script; does nothing when they are there.
set -eu
cd "$(dirname "$0")"

chromium=${PORTCULLIS_TEST_CHROMIUM:-/usr/bin/chromium}
if [ ! -x "$chromium" ]; then
    if [ -n "${PORTCULLIS_TEST_CHROMIUM:-}" ] || ! command -v apt-get >/dev/null; then
        echo "browser: no Chromium at $chromium: install one, and name it in PORTCULLIS_TEST_CHROMIUM" >&2
        exit 1
    fi
    as_root=
    [ "$(id -u)" = 0 ] || as_root='sudo -n'
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi

node=$(cat package.json package-lock.json .npmrc | sha256sum | cut -d ' ' -f 1)
if [ "$(cat node_modules/.stamp 2>/dev/null)" != "$node" ]; then
    npm ci --silent
    printf '%s\n' "$node" >node_modules/.stamp
fi
