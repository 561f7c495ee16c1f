#!/usr/bin/env bash
# Validates the OpenAPI document of a running service with an independent validator, and fuzzes the service with what
# the document promises, without and with credentials.
#
#   PORTCULLIS_URL      where the service answers, for instance http://127.0.0.1:8080
#   PORTCULLIS_CLIENT   id:secret of a client that may introspect
#   PORTCULLIS_CASES    the fewest requests of both runs together (default 5000)
#   PORTCULLIS_SEED     repeats a run
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${PORTCULLIS_URL:?where is the service?}" "${PORTCULLIS_CLIENT:?id:secret of a client}"
cases=${PORTCULLIS_CASES:-5000}
seed=${PORTCULLIS_SEED:-$RANDOM}
tools=${PORTCULLIS_SCHEMATHESIS_TOOLS:-$root/target/schemathesis}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The tools, in the versions of requirements.txt.
if ! cmp -s "$here/requirements.txt" "$tools/installed.txt"; then
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$tools/installed.txt"
fi

"$tools/bin/python" - "$PORTCULLIS_URL/openapi.json" "$work/openapi.json" <<'PYTHON'
import json, sys
import requests
from openapi_spec_validator import validate

answer = requests.get(sys.argv[1], timeout=30)
answer.raise_for_status()
document = answer.json()
validate(document)
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(document, file)
print(f"OpenAPI {document['openapi']} document with {len(document['paths'])} paths: valid")
PYTHON

operations=$("$tools/bin/python" -c '
import json, sys
methods = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
paths = json.load(open(sys.argv[1]))["paths"].values()
print(sum(len(methods & set(path)) for path in paths))' "$work/openapi.json")

# run <name> <credentials: 0 or 1>
run() {
  (
    cd "$work"
    PORTCULLIS_CREDENTIALS=$2 PORTCULLIS_ANSWERS="$work/$1.json" PYTHONPATH="$here" SCHEMATHESIS_HOOKS=hooks \
      PYTHONDONTWRITEBYTECODE=1 \
      "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$work/openapi.json" \
      --url "$PORTCULLIS_URL" --seed "$seed" --max-examples "$((cases / operations / 2 + 1))" \
      --no-color --generation-database none
  )
}

echo "seed $seed"
failed=0
run anonymous 0 || failed=1
run credentials 1 || failed=1

"$tools/bin/python" - "$cases" "$work/anonymous.json" "$work/credentials.json" <<'PYTHON'
import collections, json, sys

fewest, total = int(sys.argv[1]), collections.Counter()
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as file:
        total.update(json.load(file))
print(f"{sum(total.values())} requests: " + ", ".join(f"{count} × {status}" for status, count in sorted(total.items())))
if sum(total.values()) < fewest:
    sys.exit(f"fewer than the {fewest} requests that were asked for")
if broken := {status: count for status, count in total.items() if status.startswith("5")}:
    sys.exit(f"the service failed: {broken}")
PYTHON
exit $failed
