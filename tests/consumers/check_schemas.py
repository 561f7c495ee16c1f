"""Checks events against the schemas that a running Portcullis serves, with the `jsonschema` package.

PORTCULLIS_URL  where the service runs
ISSUER          what `dataschema` begins with

Reads one event per line and prints `ok <type>` for each; any other end is a failure.
"""

import json
import os
import sys
import urllib.request

from jsonschema import Draft202012Validator, FormatChecker

URL = os.environ["PORTCULLIS_URL"]
ISSUER = os.environ["ISSUER"]
FORMATS = FormatChecker(["date-time", "uuid", "ipv4", "ipv6"])
schemas = {}


def schema_of(event):
    address = event["dataschema"]
    if address not in schemas:
        if not address.startswith(f"{ISSUER}/"):
            raise SystemExit(f"{address} is not the issuer's")
        with urllib.request.urlopen(URL + address.removeprefix(ISSUER), timeout=10) as answer:
            if answer.headers["content-type"] != "application/schema+json":
                raise SystemExit(f"{address} is {answer.headers['content-type']}")
            schema = json.load(answer)
        if schema["$id"] != address or schema["$schema"] != Draft202012Validator.META_SCHEMA["$id"]:
            raise SystemExit(f"{address} is another schema: {schema['$id']}, {schema['$schema']}")
        Draft202012Validator.check_schema(schema)
        schemas[address] = Draft202012Validator(schema, format_checker=FORMATS)
    return schemas[address]


def spoiled(data):
    """The same data without each of its fields in turn, and with each of them as a number."""
    for name in data:
        yield {key: value for key, value in data.items() if key != name}
        yield data | {name: 1}


for line in sys.stdin:
    event = json.loads(line)
    schema = schema_of(event)
    schema.validate(event["data"])
    schema.validate(event["data"] | {"a_field_of_tomorrow": {"x": 1}})
    for data in spoiled(event["data"]):
        if schema.is_valid(data):
            raise SystemExit(f"{event['dataschema']} accepts {data}")
    print("ok", event["type"])
