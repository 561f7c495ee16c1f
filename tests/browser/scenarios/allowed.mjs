// A page on an origin of the allow-list, and then the same page on the service's own: everything works.

import assert from 'node:assert/strict'
import { must, raw, use, visit } from '../pages.mjs'

export async function play(stage) {
  await controls(stage)
  for (const origin of ['allowed', 'own']) await stay(stage, origin)
  stage.witness.conclude()
}

/** A cookie that a script may read is seen: an empty `document.cookie` means something. */
async function controls({ context, origins }) {
  const page = await visit(context, origins.allowed)
  const seen = await page.evaluate(() => {
    document.cookie = 'control=1'
    const before = document.cookie
    document.cookie = 'control=1; Max-Age=0'
    return [before, document.cookie]
  })
  assert.deepEqual(seen, ['control=1', ''])
  await page.close()
}

async function stay({ context, origins, gateway, witness, outside, step }, origin) {
  const person = outside.person()
  const page = await visit(context, origins[origin])
  const outcomes = (mark) => gateway.passed.slice(mark)
    .filter(({ path, method }) => method === 'POST' && path === '/api/v1/auth/refresh')
    .map(({ status, answer }) => [status, answer['x-refresh-outcome']])
  let mark

  await step(`${origin}: nobody is logged in`, async () => {
    assert.deepEqual(await must(page, 'restore'), { status: 'guest', user: null, problem: null })
    assert.equal((await use(page, 'call', 'GET', '/api/v1/me')).status, 401)
  })

  await step(`${origin}: register`, async () => {
    assert.equal((await must(page, 'register', person)).email, person.email)
  })

  await step(`${origin}: a wrong password is told as such`, async () => {
    const refused = await use(page, 'login', person.email, 'not the password')
    assert.deepEqual(refused, { status: 401, code: 'invalid-credentials', retryAfter: 0 })
    assert.deepEqual(Object.keys(await witness.cookies()).filter((name) => name !== 'portcullis_device'), [])
  })

  await step(`${origin}: log in`, async () => {
    assert.equal((await must(page, 'login', person.username, person.password)).username, person.username)
    const { portcullis_access, portcullis_refresh, portcullis_device } = await witness.cookies()
    const shape = ({ path, sameSite, httpOnly, domain }) => ({ path, sameSite, httpOnly, domain })
    const common = { sameSite: 'Lax', httpOnly: true, domain: 'localhost' }
    assert.deepEqual(shape(portcullis_access), { path: '/', ...common })
    assert.deepEqual(shape(portcullis_refresh), { path: '/api/v1/auth', ...common })
    assert.deepEqual(shape(portcullis_device), { path: '/', ...common })
    await outside.watch(person)
  })

  await step(`${origin}: me`, async () => {
    assert.equal((await must(page, 'call', 'GET', '/api/v1/me')).email, person.email)
  })

  await step(`${origin}: change the name`, async () => {
    const username = `${person.username}x`
    assert.equal((await must(page, 'call', 'PATCH', '/api/v1/me', { username })).username, username)
    assert.equal((await outside.account()).user.username, username)
  })

  await step(`${origin}: without the right CSRF token nothing is changed`, async () => {
    const url = (path) => (origin === 'own' ? '' : origins.own) + path
    const csrf = JSON.parse((await raw(page, url('/api/v1/auth/csrf'), { credentials: 'include' })).text)
    assert.notEqual(csrf.csrf_access_token, csrf.csrf_refresh_token)
    const before = { cookies: await witness.cookies(), account: await outside.account() }
    const wrongs = [['logout', csrf.csrf_refresh_token], ['logout-all', 'x'], ['refresh', csrf.csrf_access_token]]
    for (const [path, wrong] of wrongs) {
      for (const token of [undefined, '', wrong]) {
        const headers = token === undefined ? {} : { 'X-CSRF-TOKEN': token }
        const options = { method: 'POST', credentials: 'include', headers }
        const { status, text } = await raw(page, url(`/api/v1/auth/${path}`), options)
        assert.deepEqual([status, JSON.parse(text).code], [403, 'csrf-failed'], `${path} ${token}`)
      }
    }
    assert.deepEqual({ cookies: await witness.cookies(), account: await outside.account() }, before)
  })

  await step(`${origin}: refresh`, async () => {
    const before = await witness.cookies()
    mark = gateway.passed.length
    await must(page, 'refresh')
    const after = await witness.cookies()
    assert.notEqual(after.portcullis_refresh.value, before.portcullis_refresh.value)
    assert.notEqual(after.portcullis_access.value, before.portcullis_access.value)
    assert.deepEqual(outcomes(mark), [[200, 'rotated']])
  })

  await step(`${origin}: a reload finds the session again, and may change things again`, async () => {
    await page.reload()
    const state = await must(page, 'restore')
    assert.deepEqual([state.status, state.user.email], ['user', person.email])
    const { username } = await must(page, 'call', 'PATCH', '/api/v1/me', { username: person.username })
    assert.equal(username, person.username)
  })

  await step(`${origin}: a reload after the access cookie has expired finds it, too`, async () => {
    await context.clearCookies({ name: 'portcullis_access' })
    await page.reload()
    assert.equal((await must(page, 'restore')).status, 'user')
    assert.ok((await witness.cookies()).portcullis_access)
  })

  await step(`${origin}: the sessions, this one marked`, async () => {
    const { items } = await must(page, 'call', 'GET', '/api/v1/me/sessions')
    assert.equal(items.length, 2)
    const current = items.filter((session) => session.current)
    assert.deepEqual(current.map((session) => /Chrome/.test(session.user_agent)), [true])
  })

  await step(`${origin}: calls in parallel share one refresh`, async () => {
    await context.clearCookies({ name: 'portcullis_access' })
    mark = gateway.passed.length
    const calls = await page.evaluate(() => {
      return Promise.all(Array.from({ length: 8 }, () => window.auth.call('GET', '/api/v1/me')))
    })
    assert.deepEqual(calls.map(({ email }) => email), Array(8).fill(person.email))
    assert.deepEqual(outcomes(mark), [[200, 'rotated']])
  })

  const second = await visit(context, origins[origin])
  await step(`${origin}: two tabs refresh at once, and neither is logged out`, async () => {
    assert.equal((await must(second, 'restore')).status, 'user')
    const before = await outside.account()
    mark = gateway.passed.length
    await Promise.all([gateway.meet(2, '/api/v1/auth/refresh'), must(page, 'refresh'), must(second, 'refresh')])
    assert.deepEqual(outcomes(mark).sort(), [[200, 'replayed'], [200, 'rotated']])
    for (const tab of [page, second]) {
      assert.equal((await must(tab, 'call', 'GET', '/api/v1/me')).email, person.email)
      await must(tab, 'call', 'PATCH', '/api/v1/me', { username: person.username })
      await must(tab, 'refresh')
    }
    assert.deepEqual((await outside.account()).sessions, before.sessions)
  })

  await step(`${origin}: log out, in both tabs`, async () => {
    const before = await outside.account()
    await must(page, 'logout')
    assert.equal((await must(page, 'state')).status, 'guest')
    await second.waitForFunction(() => window.auth.state().status === 'guest')
    for (const tab of [page, second]) assert.equal((await use(tab, 'call', 'GET', '/api/v1/me')).status, 401)
    assert.equal((await outside.account()).sessions.length, before.sessions.length - 1)
    const { portcullis_access, portcullis_refresh } = await witness.cookies()
    assert.deepEqual([portcullis_access, portcullis_refresh], [undefined, undefined])
  })

  await step(`${origin}: another reload finds nobody`, async () => {
    await page.reload()
    assert.equal((await must(page, 'restore')).status, 'guest')
  })
  await Promise.all([page.close(), second.close()])
}
