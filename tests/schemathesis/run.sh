#!/usr/bin/env bash
# Validates the OpenAPI document of a running service with an independent validator, and fuzzes the service with what
# the document promises, in single requests and in chains of them: as nobody, as a user, as an administrator, and with
# an API key that may do everything.
#
#   PORTCULLIS_URL      where the service answers, for instance http://127.0.0.1:8080
#   PORTCULLIS_CLIENT   id:secret of a client that may introspect
#   PORTCULLIS_BIN      the program; `admin create-user` opens administrators, so it needs the service's environment
#   PORTCULLIS_CASES    the fewest requests of all runs together (default 20000)
#   PORTCULLIS_CHAINS   for how many seconds each of them chains requests (default 40)
#   PORTCULLIS_CALLERS  who calls (default "anonymous user admin key")
#   PORTCULLIS_SEED     repeats a run
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
: "${PORTCULLIS_URL:?where is the service?}" "${PORTCULLIS_CLIENT:?id:secret of a client}" "${PORTCULLIS_BIN:?the program}"
cases=${PORTCULLIS_CASES:-20000}
chains=${PORTCULLIS_CHAINS:-40}
seed=${PORTCULLIS_SEED:-$RANDOM}
read -ra callers <<<"${PORTCULLIS_CALLERS:-anonymous user admin key}"
tools=${PORTCULLIS_SCHEMATHESIS_TOOLS:-$root/target/schemathesis}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The tools, in the versions of requirements.txt.
if ! cmp -s "$here/requirements.txt" "$tools/installed.txt"; then
  python3 -m venv --clear "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
  cp "$here/requirements.txt" "$tools/installed.txt"
fi

# The schema of JSON lines is that of one line, for OpenAPI 3.0 knows no more; the checker gets them as an array.
"$tools/bin/python" - "$PORTCULLIS_URL/openapi.json" "$work/openapi.json" <<'PYTHON'
import json, sys
import requests
from openapi_spec_validator import validate

answer = requests.get(sys.argv[1], timeout=30)
answer.raise_for_status()
document = answer.json()
validate(document)
streams = 0
for operation in (operation for path in document["paths"].values() for operation in path.values()):
    for response in operation["responses"].values():
        if lines := response.get("content", {}).get("application/jsonl"):
            lines["schema"] = {"type": "array", "items": lines["schema"]}
            streams += 1
with open(sys.argv[2], "w", encoding="utf-8") as file:
    json.dump(document, file)
print(f"OpenAPI {document['openapi']} document with {len(document['paths'])} paths ({streams} streams): valid")
PYTHON

operations=$("$tools/bin/python" -c '
import json, sys
methods = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
paths = json.load(open(sys.argv[1]))["paths"].values()
print(sum(len(methods & set(path)) for path in paths))' "$work/openapi.json")
# The cases at the edges of the schemas are some 40 an operation, however many others there are.
examples=$((cases / ${#callers[@]} / operations - 40))
examples=$((examples > 12 ? examples : 12))

# fuzz <caller> <name of the run> <option...>
fuzz() {
  PORTCULLIS_CREDENTIALS=$1 PORTCULLIS_ANSWERS="$work/$2.json" PYTHONPATH="$here" SCHEMATHESIS_HOOKS=hooks \
    PYTHONDONTWRITEBYTECODE=1 \
    "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$work/openapi.json" \
    --url "$PORTCULLIS_URL" --seed "$seed" --no-color --generation-database none "${@:3}"
}

# run <caller>
run() {
  local failed=0
  cd "$work"
  fuzz "$1" "$1" --phases examples,coverage,fuzzing --max-examples "$examples" || failed=1
  # What one answers is where the next goes: alone, for what has changed meanwhile ends a chain but not this phase.
  fuzz "$1" "$1-chains" --phases stateful --max-time "$chains" || failed=1
  return $failed
}

echo "seed $seed"
failed=0
# Two at a time: the service has to do with more than one, and no processor waits.
for ((first = 0; first < ${#callers[@]}; first += 2)); do
  declare -A running=()
  for caller in "${callers[@]:first:2}"; do
    run "$caller" >"$work/$caller.log" 2>&1 &
    running[$caller]=$!
  done
  for caller in "${!running[@]}"; do
    wait "${running[$caller]}" || failed=1
    printf '\n== %s\n' "$caller"
    cat "$work/$caller.log"
  done
done

"$tools/bin/python" - "$cases" "$work" "${callers[@]}" <<'PYTHON'
import collections, json, sys

fewest, work, total = int(sys.argv[1]), sys.argv[2], collections.Counter()
def told(answers):
    return f"{sum(answers.values())} requests: " + ", ".join(f"{count} × {status}" for status, count in sorted(answers.items()))
for run in (run for caller in sys.argv[3:] for run in (caller, f"{caller}-chains")):
    with open(f"{work}/{run}.json", encoding="utf-8") as file:
        answers = collections.Counter(json.load(file))
    print(f"{run}: {told(answers)}")
    total.update(answers)
print(told(total))
if sum(total.values()) < fewest:
    sys.exit(f"fewer than the {fewest} requests that were asked for")
if broken := {status: count for status, count in total.items() if status.startswith("5")}:
    sys.exit(f"the service failed: {broken}")
PYTHON
exit $failed
