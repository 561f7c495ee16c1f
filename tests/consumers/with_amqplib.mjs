// Follows the users of Portcullis with amqplib: npm install amqplib

import amqplib from 'amqplib'

import { Users } from './users.mjs'

const url = process.env.AMQP_URL ?? 'amqp://guest:guest@localhost:5672/%2f'
const exchange = process.env.EXCHANGE ?? 'auth.events'
const queue = process.env.QUEUE ?? 'crm.users'
const users = new Users(process.env.DATABASE ?? 'users.jsonl')

/** A durable queue of our own: it fills while we are away. What cannot be read goes to a second one. */
async function declare(channel) {
  await channel.assertExchange(exchange, 'topic', { durable: true })
  await channel.assertQueue(`${queue}.dead`, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  const options = {
    'x-queue-type': 'quorum',
    'x-single-active-consumer': true,
    'x-delivery-limit': 20,
    'x-dead-letter-exchange': '',
    'x-dead-letter-routing-key': `${queue}.dead`,
  }
  await channel.assertQueue(queue, { durable: true, arguments: options })
  await channel.bindQueue(queue, exchange, 'user.*')
}

function take(channel, message) {
  let event, isNew
  try {
    event = JSON.parse(message.content)
    isNew = users.handle(event)
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
    // No second try would read it any better.
    channel.nack(message, false, false)
    console.log('rejected', error.name)
    return
  }
  // Only now: whatever happened before this line, the broker would have given it to us again.
  channel.ack(message)
  console.log(isNew ? 'handled' : 'duplicate', event.type, event.id, event.subject)
}

/** After every connect: channels and consumers do not outlive a connection. */
async function setup(connection) {
  const channel = await connection.createChannel()
  channel.on('error', (error) => console.log('channel:', error.message))
  await declare(channel)
  await channel.prefetch(50)
  // A null means that the queue is gone; a restart declares it again.
  await channel.consume(queue, (message) => (message ? take(channel, message) : process.exit(1)))
  console.log('ready')
}

const recovery = { initialDelay: 200, maxDelay: 5000, maxRetries: Infinity, setup }
const connection = await amqplib.connect(url, { recovery, heartbeat: 30 })
connection.on('error', (error) => console.log('connection:', error.message))
process.once('SIGTERM', async () => {
  await connection.close()
  process.exit(0)
})
