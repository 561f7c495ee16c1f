// What a service keeps of the events about users. A journal stands here for the tables of a database: one line is one
// transaction, with the change and the id of its cause.

import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'

export class Users {
  #journal
  #handled = new Set()
  #emails = new Map()

  constructor(journal) {
    this.#journal = journal
    const text = existsSync(journal) ? readFileSync(journal, 'utf8') : ''
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    // A line that was cut off by a crash was never committed.
    if (whole !== text) truncateSync(journal, Buffer.byteLength(whole))
    for (const line of whole.split('\n').filter(Boolean)) this.#apply(JSON.parse(line))
  }

  /** Whether the event was new. */
  handle({ id, type, data }) {
    if (typeof id !== 'string' || typeof type !== 'string') throw new TypeError('this is no event')
    if (this.#handled.has(id)) return false
    const change = { id }
    if (type === 'portcullis.user.registered.v1') change.put = [data.user_id, data.email]
    if (type === 'portcullis.user.deleted.v1') change.remove = data.user_id
    // Any other event, and any other field, is passed over: new ones appear within v1.
    appendFileSync(this.#journal, `${JSON.stringify(change)}\n`, { flush: true })
    this.#apply(change)
    return true
  }

  #apply({ id, put, remove }) {
    this.#handled.add(id)
    if (put) this.#emails.set(...put)
    if (remove) this.#emails.delete(remove)
  }
}
