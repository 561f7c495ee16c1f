// Plain HTML forms on foreign pages: no script, no preflight, and the page leaves for the answer.

import assert from 'node:assert/strict'
import { must, visit } from '../pages.mjs'

const types = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']
const paths = ['/api/v1/auth/login', '/api/v1/auth/refresh', '/api/v1/auth/logout', '/api/v1/auth/logout-all']

export async function play({ context, origins, gateway, witness, outside, step }) {
  const victim = outside.person()
  const attacker = outside.person()
  const home = await visit(context, origins.allowed)
  await step('somebody is logged in', async () => {
    await must(home, 'register', attacker)
    await must(home, 'register', victim)
    await must(home, 'login', victim.email, victim.password)
    await outside.watch(victim)
  })

  const page = await visit(context, origins.sibling)
  for (const name of ['sibling', 'stranger']) {
    for (const type of types) {
      for (const path of paths) {
        await step(`${name}: ${path} as ${type}`, async () => {
          const before = { cookies: await witness.cookies(), account: await outside.account() }
          await page.goto(origins[name])
          const mark = gateway.passed.length
          const target = origins.own + path
          await Promise.all([page.waitForURL(target), page.evaluate(post, [target, type, attacker])])
          const arrived = gateway.passed.slice(mark).filter(({ method }) => method === 'POST')
          assert.equal(arrived.length, 1)
          const [{ headers, status, answer }] = arrived
          assert.ok(headers['content-type'].startsWith(type))
          assert.equal(headers.origin, origins[name])
          const cookies = /portcullis_(access|refresh)=/.test(headers.cookie ?? '')
          assert.equal(cookies, name === 'sibling', 'cookies go along within the site, and only there')
          assert.ok(status >= 400 && status < 500, `${status}`)
          assert.equal(answer['set-cookie'], undefined)
          assert.deepEqual({ cookies: await witness.cookies(), account: await outside.account() }, before)
        })
      }
    }
  }

  await step('the one who is logged in has noticed nothing', async () => {
    assert.equal((await must(home, 'call', 'GET', '/api/v1/me')).email, victim.email)
    await must(home, 'refresh')
    await must(home, 'logout')
  })
  witness.conclude()
}

/** Runs in the page. What needs no body gets none; as text/plain, name and value together are a valid JSON document. */
function post([action, type, { email, password }]) {
  const form = document.createElement('form')
  Object.assign(form, { action, method: 'POST', enctype: type })
  const add = (name, value) => {
    const input = document.createElement('input')
    Object.assign(input, { type: 'hidden', name, value })
    form.append(input)
  }
  if (!action.endsWith('/login')) {
    // An empty form.
  } else if (type === 'text/plain') {
    const text = JSON.stringify({ transport: 'cookie', login: email, password })
    const cut = text.indexOf('=')
    add(text.slice(0, cut), text.slice(cut + 1))
  } else {
    add('login', email)
    add('password', password)
    add('transport', 'cookie')
  }
  document.body.append(form)
  form.submit()
}
