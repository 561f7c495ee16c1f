// The tokens themselves: in a program without a browser, and in a page that must have them.

import assert from 'node:assert/strict'
import { createBearer } from '../pages/bearer.js'
import { visit } from '../pages.mjs'

export async function play({ context, origins, gateway, outside, step, witness }) {
  const person = outside.person()
  const kept = new Map()
  const store = { load: async (name) => kept.get(name) ?? null, save: async (name, text) => { kept.set(name, text) } }
  const program = () => createBearer(origins.own, store)
  const refreshes = (mark) => gateway.passed.slice(mark).filter(({ path }) => path === '/api/v1/auth/refresh').length
  // The witness would find tokens in answers; here they belong there.
  const quietly = (what, action) => action().then(
    () => console.error(`  ok  ${what}`),
    (cause) => { throw new Error(what, { cause }) },
  )
  const page = await visit(context, origins.allowed)
  await step('register', () => page.evaluate((form) => window.auth.register(form), person))

  await quietly('a program logs in, is started again, and refreshes once for calls in parallel', async () => {
    const first = program()
    await first.login(person.email, person.password)
    assert.equal((await first.call('GET', '/api/v1/me')).email, person.email)
    assert.ok(kept.get('device'), 'a device token is kept for the next login')
    const mark = gateway.passed.length
    const again = program()
    const calls = await Promise.all([1, 2, 3, 4].map(() => again.call('GET', '/api/v1/me')))
    assert.deepEqual(calls.map(({ email }) => email), Array(4).fill(person.email))
    assert.equal(refreshes(mark), 1)
    await again.call('PATCH', '/api/v1/me', { username: `${person.username}x` })
    await again.logout()
    await assert.rejects(again.call('GET', '/api/v1/me'))
    const device = kept.get('device')
    await again.login(person.email, person.password)
    assert.equal(gateway.passed.at(-1).headers['x-device-token'], device, 'the device is known again')
  })

  await quietly('a page on an allowed origin does the same, without a cookie', async () => {
    const email = await page.evaluate(async ({ email, password }) => {
      await window.bearer.login(email, password)
      const me = await window.bearer.call('GET', '/api/v1/me')
      await window.bearer.refresh()
      await window.bearer.logout()
      return me.email
    }, person)
    assert.equal(email, person.email)
    assert.deepEqual(await witness.cookies(), {})
    assert.equal(await page.evaluate(() => document.cookie), '')
  })

  await quietly('a page on another origin does not', async () => {
    for (const name of ['sibling', 'stranger']) {
      const foreign = await visit(context, origins[name])
      const code = await foreign.evaluate(({ email, password }) => {
        return window.bearer.login(email, password).then(() => 'in', (problem) => problem.code)
      }, person)
      assert.equal(code, 'unreachable')
    }
  })
}
