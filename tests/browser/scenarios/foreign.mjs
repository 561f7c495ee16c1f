// The same page on an origin that is on no list, in a browser that is logged in: every step fails, and changes nothing.

import assert from 'node:assert/strict'
import { must, raw, use, visit } from '../pages.mjs'

const unreachable = { status: 0, code: 'unreachable', retryAfter: 0 }

export async function play(stage) {
  const { context, origins, gateway, witness, outside, step } = stage
  const victim = outside.person()
  const attacker = outside.person()
  const home = await visit(context, origins.allowed)
  let csrf

  await step('somebody is logged in on the allowed origin', async () => {
    await must(home, 'register', attacker)
    await must(home, 'register', victim)
    await must(home, 'login', victim.email, victim.password)
    await outside.watch(victim)
    csrf = JSON.parse((await raw(home, `${origins.own}/api/v1/auth/csrf`, { credentials: 'include' })).text)
    assert.ok(csrf.csrf_access_token && csrf.csrf_refresh_token)
  })

  for (const name of ['sibling', 'stranger']) {
    const page = await visit(context, origins[name])
    const before = { cookies: await witness.cookies(), account: await outside.account() }
    const mark = gateway.passed.length

    /** One step that must come to nothing. */
    const fails = (what, action) => step(`${name}: ${what}`, async () => {
      const since = gateway.passed.length
      await action()
      assert.ok(gateway.passed.length > since, 'the attempt has reached the service')
      assert.deepEqual(await witness.cookies(), before.cookies, 'the cookies are as they were')
      assert.deepEqual(await outside.account(), before.account, 'the account is as it was')
      for (const { method, path, status, answer } of gateway.passed.slice(since)) {
        assert.equal(answer['access-control-allow-origin'], undefined, `${method} ${path}`)
        assert.equal(answer['set-cookie'], undefined, `${method} ${path}`)
        assert.ok(['GET', 'OPTIONS'].includes(method) || status >= 400, `${method} ${path}: ${status}`)
      }
    })
    const client = (what, method, ...given) => fails(what, async () => {
      assert.deepEqual(await use(page, method, ...given), unreachable)
    })
    const blocked = (what, path, options) => fails(what, async () => {
      const outcome = await raw(page, origins.own + path, { credentials: 'include', ...options })
      assert.deepEqual(outcome, { error: 'TypeError' })
    })
    // `no-cors` skips the preflight: the request does arrive, with whatever cookies the browser lets go.
    const blind = (what, path, body, type) => fails(what, async () => {
      const headers = body ? { 'Content-Type': type } : {}
      const options = { method: 'POST', mode: 'no-cors', credentials: 'include', body, headers }
      assert.deepEqual(await raw(page, origins.own + path, options), { error: 'TypeError' }, 'not even opaquely')
    })

    const login = JSON.stringify({ login: attacker.email, password: attacker.password, transport: 'cookie' })
    const json = { 'Content-Type': 'application/json' }
    await client('log in', 'login', attacker.email, attacker.password)
    await blind('log in without a preflight', '/api/v1/auth/login', login, 'text/plain')
    await client('me', 'call', 'GET', '/api/v1/me')
    await client('change the name', 'call', 'PATCH', '/api/v1/me', { username: attacker.username + 'x' })
    await blocked('change the name with the stolen CSRF token', '/api/v1/me',
      { method: 'PATCH', headers: { ...json, 'X-CSRF-TOKEN': csrf.csrf_access_token }, body: '{"username":"stolen"}' })
    await client('refresh', 'refresh')
    await blocked('refresh with the stolen CSRF token', '/api/v1/auth/refresh',
      { method: 'POST', headers: { 'X-CSRF-TOKEN': csrf.csrf_refresh_token } })
    await blind('refresh without a preflight', '/api/v1/auth/refresh')
    await blocked('the CSRF tokens', '/api/v1/auth/csrf', {})
    await client('who is logged in', 'call', 'GET', '/api/v1/auth/csrf')
    await client('sessions', 'call', 'GET', '/api/v1/me/sessions')
    await client('log out', 'logout')
    await blocked('log out with the stolen CSRF token', '/api/v1/auth/logout',
      { method: 'POST', headers: { 'X-CSRF-TOKEN': csrf.csrf_access_token } })
    await blind('log out without a preflight', '/api/v1/auth/logout')
    await blind('log out everywhere without a preflight', '/api/v1/auth/logout-all')

    await step(`${name}: what arrived, and how`, async () => {
      const arrived = gateway.passed.slice(mark).filter(({ headers }) => headers.origin === origins[name])
      const ours = /\/(refresh|logout|logout-all)$/
      const posts = arrived.filter(({ method, path }) => method === 'POST' && ours.test(path))
      assert.ok(posts.length >= 3, 'the posts without a preflight arrived')
      const withCookies = posts.filter(({ headers }) => /portcullis_(access|refresh)=/.test(headers.cookie ?? ''))
      if (name === 'sibling') {
        // The same site: the browser sends the cookies, and the service alone says no.
        assert.equal(withCookies.length, posts.length)
        for (const { status, text } of posts) assert.deepEqual([status, JSON.parse(text).code], [403, 'csrf-failed'])
        assert.ok(posts.every(({ headers }) => headers['sec-fetch-site'] === 'same-site'))
      } else {
        assert.equal(withCookies.length, 0, 'SameSite=Lax keeps the cookies at home')
        assert.ok(posts.every(({ headers }) => headers['sec-fetch-site'] === 'cross-site'))
      }
    })
    await page.close()
  }

  await step('a frame without an origin', async () => {
    const before = { cookies: await witness.cookies(), account: await outside.account() }
    const mark = gateway.passed.length
    const said = await home.evaluate((own) => new Promise((done) => {
      const frame = document.createElement('iframe')
      frame.sandbox = 'allow-scripts'
      frame.srcdoc = `<script>
        const ask = (path, options) => fetch('${own}/api/v1/auth/' + path, { credentials: 'include', ...options })
          .then((answer) => answer.type, (error) => error.name)
        Promise.all([ask('csrf', {}), ask('logout', { method: 'POST', mode: 'no-cors' })])
          .then((said) => parent.postMessage(said, '*'))</script>`
      addEventListener('message', ({ data }) => { frame.remove(); done(data) }, { once: true })
      document.body.append(frame)
    }), origins.own)
    assert.deepEqual(said, ['TypeError', 'TypeError'])
    const posts = gateway.from('null', mark).filter(({ method }) => method === 'POST')
    assert.equal(posts.length, 1)
    assert.ok(posts[0].status >= 400)
    assert.deepEqual({ cookies: await witness.cookies(), account: await outside.account() }, before)
  })

  await step('the one who is logged in has noticed nothing', async () => {
    assert.equal((await must(home, 'call', 'PATCH', '/api/v1/me', { username: victim.username })).email, victim.email)
    const mark = gateway.passed.length
    await must(home, 'refresh')
    const posts = gateway.passed.slice(mark).filter(({ method }) => method === 'POST')
    assert.deepEqual(posts.map(({ answer }) => answer['x-refresh-outcome']), ['rotated'])
  })
  witness.conclude()
}
