// Reads the events that wait in a queue with the CloudEvents SDK and amqplib: npm install cloudevents amqplib
// They stay in the queue: nothing is acknowledged. Prints a line for each.

import amqplib from 'amqplib'
import { HTTP } from 'cloudevents'

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f'
const queue = process.env.QUEUE ?? 'auth-events'

const connection = await amqplib.connect(url)
const channel = await connection.createChannel()
for (let message; (message = await channel.get(queue)); ) {
  const { contentType, messageId, type } = message.properties
  // Structured mode is the same on every transport; the SDK has no binding for RabbitMQ.
  const event = HTTP.toEvent({ headers: { 'content-type': contentType }, body: message.content.toString() })
  // Throws an error that lists what is wrong.
  event.validate()
  if (event.id !== messageId || event.type !== type) throw new Error(`the properties are not those of ${event.id}`)
  console.log(event.type, event.id, event.subject, event.sequence, Object.keys(event.data).sort())
}
await connection.close()
