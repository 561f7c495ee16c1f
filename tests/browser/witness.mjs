// Looks at everything that a script could read, after every step.

import assert from 'node:assert/strict'

export class Witness {
  #context
  #gateway
  #secrets = new Set()
  #looked = 0

  constructor(context, gateway) {
    this.#context = context
    this.#gateway = gateway
  }

  /** The service's cookies in the browser, by name. */
  async cookies() {
    const all = await this.#context.cookies()
    const ours = all.filter(({ name }) => name.startsWith('portcullis_'))
    return Object.fromEntries(ours.map((cookie) => [cookie.name, cookie]))
  }

  /** Runs a step, and looks around after it. */
  async step(what, action) {
    try {
      const outcome = await action()
      await this.#nothingReadable()
      console.error(`  ok  ${what}`)
      return outcome
    } catch (error) {
      throw new Error(what, { cause: error })
    }
  }

  async #nothingReadable() {
    for (const { value, httpOnly, name } of Object.values(await this.cookies())) {
      assert.ok(httpOnly, `${name} is HttpOnly`)
      this.#secrets.add(value)
    }
    for (const { answer } of this.#gateway.passed) {
      for (const line of answer['set-cookie'] ?? []) {
        const value = line.slice(line.indexOf('=') + 1).split(';')[0]
        if (value) this.#secrets.add(value)
      }
    }
    for (const page of this.#context.pages()) {
      if (page.url() === 'about:blank') continue
      const seen = await page.evaluate(readable)
      assert.deepEqual(seen, { cookie: '', local: {}, session: {}, databases: [], caches: [] }, page.url())
      this.#clean(await page.content(), page.url())
    }
    for (const { method, path, text } of this.#gateway.passed) this.#clean(text, `the answer to ${method} ${path}`)
    this.#looked += 1
  }

  #clean(text, where) {
    for (const secret of this.#secrets) assert.ok(!text.includes(secret), `${where} holds the value of a cookie`)
    assert.doesNotMatch(text, /"(access|refresh)_token"\s*:|eyJ[\w-]+\.|v4\.public\./, `${where} holds a token`)
  }

  /** Whether there was something to find. */
  conclude() {
    assert.ok(this.#looked > 0 && this.#secrets.size > 0, 'the witness has seen cookies to look for')
  }
}

/** Runs in the page. */
async function readable() {
  return {
    cookie: document.cookie,
    local: { ...localStorage },
    session: { ...sessionStorage },
    databases: 'databases' in indexedDB ? await indexedDB.databases() : [],
    caches: 'caches' in window ? await caches.keys() : [],
  }
}
