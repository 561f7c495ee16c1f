// Checks an AsyncAPI document with the official parser, and events against what the document says of them.
//
// PORTCULLIS_URL  where the service runs; its document is read from there
//
// Reads one message per line, {"routing_key", "exchange", "queue", "event"}, and prints `ok <type>` for each.

import { createInterface } from 'node:readline'

import { DiagnosticSeverity, Parser } from '@asyncapi/parser'
import Ajv from 'ajv'
import addFormats from 'ajv-formats'

const answer = await fetch(`${process.env.PORTCULLIS_URL}/asyncapi.json`)
if (answer.status !== 200) throw new Error(`/asyncapi.json: ${answer.status}`)
const { document, diagnostics } = await new Parser().parse(await answer.text())
// Hints are advice on style; a recommendation to upgrade the version of the document is one.
const wrong = diagnostics.filter(({ severity }) => severity <= DiagnosticSeverity.Warning)
if (!document || wrong.length > 0) throw new Error(JSON.stringify(wrong, null, 1))

const ajv = addFormats(new Ajv({ strict: false, allErrors: true }))
const sent = new Map()
for (const operation of document.operations().filterBySend()) {
  const [channel] = operation.channels().all()
  const { is, exchange, queue } = channel.bindings().get('amqp').value()
  for (const message of operation.messages().all()) {
    const validate = ajv.compile(message.payload().json())
    const where = is === 'routingKey' ? `${exchange.name} ${channel.address()}` : queue.name
    sent.set(`${where} ${message.name()}`, { validate, contentType: message.contentType() })
    for (const example of message.examples().all()) {
      if (!validate(example.payload())) throw new Error(`${message.name()}: ${ajv.errorsText(validate.errors)}`)
    }
  }
}
console.log('valid', sent.size)

for await (const line of createInterface({ input: process.stdin })) {
  const { routing_key, exchange, queue, content_type, event } = JSON.parse(line)
  for (const where of [`${exchange} ${routing_key}`, queue]) {
    const described = sent.get(`${where} ${event.type}`)
    if (!described) throw new Error(`the document does not say that ${event.type} goes to ${where}`)
    if (described.contentType !== content_type) throw new Error(`${event.type} is ${content_type}`)
    const { validate } = described
    if (!validate(event)) throw new Error(`${event.type}: ${ajv.errorsText(validate.errors)}`)
    if (!validate({ ...event, tomorrow: 1, data: { ...event.data, tomorrow: 1 } })) throw new Error('closed')
    for (const name of ['id', 'source', 'type', 'subject', 'data', 'dataschema', 'sequence']) {
      if (validate({ ...event, [name]: 1 })) throw new Error(`${event.type}: ${name} may be anything`)
    }
  }
  console.log('ok', event.type)
}
