// The tokens themselves, for programs without a cookie jar: native apps, command lines, tests.
// `store` keeps one text where only this program reads it: the Keychain, the Keystore, a file of mode 0600.
import { Problem } from './auth.js'

export function createBearer(base, store) {
  let access = null // in memory only
  let refreshing = null

  async function send(method, path, body, headers = {}) {
    let answer, text
    try {
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      answer = await fetch(base + path, { method, headers, body: JSON.stringify(body), credentials: 'omit' })
      if (answer.ok) text = await answer.text()
    } catch {
      throw new Problem(0)
    }
    if (!answer.ok) throw await Problem.from(answer)
    const device = answer.headers.get('X-Device-Token')
    if (device) await store.save('device', device)
    return text ? JSON.parse(text) : null
  }

  async function keep(tokens) {
    await store.save('refresh', tokens.refresh_token) // first: it replaces one that is good no longer
    access = tokens.access_token
  }

  async function login(login, password) {
    const device = await store.load('device') // spares this device the wait that others' wrong passwords cause
    const headers = device ? { 'X-Device-Token': device } : {}
    await keep(await send('POST', '/api/v1/auth/login', { login, password }, headers))
  }

  function refresh() {
    refreshing ??= renew().finally(() => { refreshing = null })
    return refreshing
  }

  async function renew() {
    try {
      await keep(await send('POST', '/api/v1/auth/refresh', { refresh_token: await store.load('refresh') }))
    } catch (problem) {
      if (problem.status === 401) await forget()
      throw problem
    }
  }

  async function call(method, path, body) {
    const used = access
    try {
      if (!used) await refresh() // the program has just started
      return await send(method, path, body, { Authorization: `Bearer ${access}` })
    } catch (problem) {
      if (problem.code !== 'unauthenticated' || !used) throw problem
      if (used === access) await refresh()
      return send(method, path, body, { Authorization: `Bearer ${access}` })
    }
  }

  async function logout() {
    await call('POST', '/api/v1/auth/logout')
    await forget()
  }

  async function forget() {
    access = null
    await store.save('refresh', null)
  }

  return { login, call, refresh, logout }
}
