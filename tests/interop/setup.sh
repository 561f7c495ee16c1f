#!/bin/sh
# Installs the pinned clients beside this script and beside the consumers; does nothing when they are there already.
set -eu
cd "$(dirname "$0")"

stamp() {
    cat "$@" | sha256sum | cut -d ' ' -f 1
}

python=$(stamp requirements.txt)
if [ "$(cat .venv/stamp 2>/dev/null)" != "$python" ]; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --no-input -r requirements.txt
    printf '%s\n' "$python" >.venv/stamp
fi

for folder in . ../consumers; do
    node=$(cd "$folder" && stamp package.json package-lock.json .npmrc)
    if [ "$(cat "$folder/node_modules/.stamp" 2>/dev/null)" != "$node" ]; then
        (cd "$folder" && npm ci --silent)
        printf '%s\n' "$node" >"$folder/node_modules/.stamp"
    fi
done
