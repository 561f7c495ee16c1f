// What a page is told when it is refused, and that it is told the right thing. Logins are limited to four at once here.

import assert from 'node:assert/strict'
import { must, use, visit } from '../pages.mjs'

export async function play({ context, origins, gateway, witness, outside, step }) {
  const [person, other] = [outside.person(), outside.person()]
  const page = await visit(context, origins.allowed)
  const told = (problem) => page.evaluate((problem) => window.explain(problem), problem)

  await step('a name that is taken, and a form with mistakes', async () => {
    await must(page, 'register', person)
    await must(page, 'register', other)
    const taken = await use(page, 'register', { ...other, email: person.email })
    assert.equal(taken.code, 'email-taken')
    assert.equal(await told(taken), 'This e-mail address already has an account.')
    const sentence = await page.evaluate(() => {
      return window.auth.register({ email: 'nobody', password: 'x' }).catch(window.explain)
    })
    assert.match(sentence, /^\/email: .+\n\/password: .+/)
  })

  await step('a service that is busy logs nobody out', async () => {
    await must(page, 'login', person.email, person.password)
    const body = JSON.stringify({ status: 503, code: 'overloaded', title: 'Busy' })
    const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': '7',
      'Access-Control-Allow-Origin': origins.allowed, 'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': 'Retry-After' }
    await page.route('**/api/**', (route) => route.fulfill({ status: 503, headers, body }))
    const busy = await use(page, 'call', 'GET', '/api/v1/me')
    assert.equal(await told(busy), 'The service is busy. Try again in 7 s.')
    assert.equal((await must(page, 'state')).status, 'user')
    assert.equal((await use(page, 'logout')).status, 503)
    assert.equal((await must(page, 'state')).status, 'user', 'the cookies are still there')
    await page.reload()
    const unsure = await page.evaluate(async () => {
      const { status, problem } = await window.auth.restore()
      return [status, problem.code]
    })
    assert.deepEqual(unsure, ['unknown', 'overloaded'])
    await page.unroute('**/api/**')
    assert.equal((await must(page, 'restore')).status, 'user')
    await must(page, 'logout')
  })

  const second = await visit(context, origins.allowed)
  await step('another tab has logged in as somebody else: the call is not made in their name', async () => {
    // Without word from tab to tab: as in two windows of which one was asleep.
    await page.evaluate(() => { BroadcastChannel.prototype.postMessage = () => {} })
    await second.evaluate(() => { BroadcastChannel.prototype.postMessage = () => {} })
    await must(page, 'login', person.email, person.password)
    await must(second, 'restore')
    await must(second, 'login', other.email, other.password)
    const stale = await use(page, 'call', 'PATCH', '/api/v1/me', { username: 'taken-over' })
    assert.deepEqual([stale.status, stale.code], [403, 'csrf-failed'])
    assert.equal((await must(page, 'state')).user.email, other.email, 'the page shows who is logged in now')
    assert.equal((await must(page, 'call', 'GET', '/api/v1/me')).username, other.username)
  })

  await step('a session that ended elsewhere', async () => {
    const { items } = await must(second, 'call', 'GET', '/api/v1/me/sessions')
    const { id } = items.find(({ current }) => current)
    await must(second, 'call', 'DELETE', `/api/v1/me/sessions/${id}`)
    const ended = await use(page, 'call', 'GET', '/api/v1/me')
    assert.equal(ended.status, 401)
    assert.equal(await told(ended), 'You have been logged out. Log in again.')
    assert.equal((await must(page, 'state')).status, 'guest')
  })

  await step('too many logins: the page may read when to come back', async () => {
    let refused
    for (let tries = 0; tries < 5 && refused?.status !== 429; tries += 1) {
      refused = await use(page, 'login', person.email, 'not the password')
    }
    assert.deepEqual([refused.status, refused.code], [429, 'rate-limited'])
    assert.ok(refused.retryAfter >= 1 && refused.retryAfter <= 60, `${refused.retryAfter}`)
    assert.equal(await told(refused), `Too many attempts. Try again in ${refused.retryAfter} s.`)
    assert.ok(gateway.passed.some(({ status }) => status === 429))
  })
  witness.conclude()
}
