// The service behind the origin that its issuer names, as behind any reverse proxy: requests and answers pass
// unchanged, and are remembered.

import { request } from 'node:http'
import { within } from './time.mjs'

export class Gateway {
  /** What arrived: method, path, headers, and once answered status, answer headers, text. */
  passed = []
  #target
  #meeting = null

  /** Where the service answers. */
  serve(url) {
    this.#target = new URL(url)
  }

  /** Holds the next `count` requests of a path until all are there: none has seen the answer to another. */
  async meet(count, path) {
    await within(10, `${count} requests of ${path}`, new Promise((all) => {
      this.#meeting = { count, path, waiting: [], all }
    }))
  }

  /** What arrived from pages of an origin since `mark`. */
  from(origin, mark = 0) {
    return this.passed.slice(mark).filter(({ headers }) => headers.origin === origin)
  }

  async handle(incoming, outgoing) {
    const chunks = []
    for await (const chunk of incoming) chunks.push(chunk)
    const { method, url: path, headers } = incoming
    const record = { method, path, headers, status: 0, answer: {}, text: '' }
    this.passed.push(record)
    await this.#meet(method, path)
    const { hostname, port } = this.#target
    // What the test reads must not be compressed.
    const options = { hostname, port, method, path, headers: { ...headers, 'accept-encoding': 'identity' } }
    const ask = request(options, async (answer) => {
      const parts = []
      for await (const part of answer) parts.push(part)
      const body = Buffer.concat(parts)
      Object.assign(record, { status: answer.statusCode, answer: answer.headers, text: body.toString() })
      outgoing.writeHead(answer.statusCode, answer.rawHeaders)
      outgoing.end(body)
    })
    ask.on('error', () => outgoing.destroy())
    ask.end(Buffer.concat(chunks))
  }

  async #meet(method, path) {
    const meeting = this.#meeting
    if (!meeting || method === 'OPTIONS' || meeting.path !== path) return
    await new Promise((go) => {
      meeting.waiting.push(go)
      if (meeting.waiting.length < meeting.count) return
      this.#meeting = null
      meeting.all()
      for (const next of meeting.waiting) next()
    })
  }
}
