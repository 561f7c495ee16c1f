// The `standardwebhooks` package verifies messages that a Portcullis sent.
// Input, arguments and output are those of webhooks.py.

import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

const other = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const secrets = process.argv.slice(2)
const refuses = (secret, body, headers) =>
  assert.throws(() => new Webhook(secret).verify(body, headers), WebhookVerificationError)

let good = 0
for await (const line of createInterface({ input: process.stdin })) {
  const { headers, body } = JSON.parse(line)
  refuses(other, body, headers)
  for (const secret of secrets) {
    const event = new Webhook(secret).verify(body, headers)
    assert.equal(event.id, headers['webhook-id'])
    refuses(secret, `${body} `, headers)
    refuses(secret, body, { ...headers, 'webhook-id': `${headers['webhook-id']}0` })
    refuses(secret, body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) })
    refuses(secret, body, { ...headers, 'webhook-signature': `v1,${'A'.repeat(43)}=` })
  }
  good += 1
}
console.log(good)
