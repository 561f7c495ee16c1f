"""The `standardwebhooks` package verifies messages that a Portcullis sent.

Standard input is a JSON line each: {"headers": {…}, "body": "…"}. The secrets are the arguments: the message must be
good with each of them, and bad with any change. Prints how many were good."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def is_refused(secret, body, headers):
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


good = 0
for line in sys.stdin:
    message = json.loads(line)
    headers, body = message["headers"], message["body"]
    for secret in sys.argv[1:]:
        event = Webhook(secret).verify(body, headers)
        assert event["id"] == headers["webhook-id"], event
    assert is_refused(OTHER, body, headers), "another secret is good"
    for secret in sys.argv[1:]:
        assert is_refused(secret, body + " ", headers), "another body is good"
        for name, value in {
            "webhook-id": headers["webhook-id"] + "0",
            "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1),
            "webhook-signature": "v1," + "A" * 43 + "=",
        }.items():
            assert is_refused(secret, body, {**headers, name: value}), f"another {name} is good"
    good += 1
print(good)
