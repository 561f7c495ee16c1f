// Somebody beside the browser, who asks the service directly what is so.

import { randomBytes } from 'node:crypto'

export class Outside {
  #url
  #person
  #token

  constructor(url) {
    this.#url = url
  }

  /** Somebody new. The `=` lets a form of type text/plain pass for JSON. */
  person() {
    const name = `u${randomBytes(8).toString('hex')}`
    return { username: name, email: `${name}@example.com`, password: `pw=${randomBytes(12).toString('hex')}` }
  }

  /** Watches an account that exists, through a session of its own. */
  async watch(person) {
    this.#person = person
    const tokens = await this.#ask('POST', '/api/v1/auth/login', { login: person.email, password: person.password })
    this.#token = tokens.access_token
  }

  /** An account that whoever is watched opens for somebody: the link by which its owner chooses a password. */
  async invite({ username, email }) {
    const { password_link: link } = await this.#ask('POST', '/api/v1/users', { username, email })
    return link.url
  }

  /** The roles of whoever is watched. */
  async roles() {
    return (await this.#ask('GET', '/api/v1/me/access')).roles
  }

  /** All that could have been changed: the profile, and which sessions live. */
  async account() {
    const user = await this.#ask('GET', '/api/v1/me')
    const { items } = await this.#ask('GET', '/api/v1/me/sessions?limit=200')
    return { user, sessions: items.map(({ id }) => id).sort() }
  }

  async #ask(method, path, body) {
    const headers = { 'User-Agent': 'outside' }
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`
    if (body) headers['Content-Type'] = 'application/json'
    const answer = await fetch(this.#url + path, { method, headers, body: body && JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
}
