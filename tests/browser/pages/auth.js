// The browser side of Portcullis, with cookies: no access or refresh token ever reaches this script.

/** What the service refused. Status 0: no answer came back. */
export class Problem extends Error {
  constructor(status, { code = 'unreachable', title = 'No answer came back', errors = [] } = {}, retryAfter = 0) {
    super(title)
    Object.assign(this, { status, code, errors, retryAfter })
  }

  static async from(answer) {
    const document = await answer.json().catch(() => ({ code: 'unknown', title: `Status ${answer.status}` }))
    return new Problem(answer.status, document, Number(answer.headers.get('Retry-After')))
  }
}

/** `base` is the origin of the service, as in its setting `tokens.issuer`; empty when it is the page's own. */
export function createAuth(base = '') {
  let state = { status: 'unknown', user: null, problem: null } // then 'guest' or 'user'
  let csrf = null // in memory only: a reload asks for the tokens again
  let turn = 0 // an answer that was overtaken by a later login or logout changes nothing
  let refreshes = 0
  let refreshing = null
  const listeners = new Set()
  const tabs = new BroadcastChannel('portcullis')
  tabs.onmessage = () => restore()

  function enter(user, problem = null) {
    const status = user ? 'user' : problem ? 'unknown' : 'guest'
    state = { status, user, problem }
    if (!user && !problem) csrf = null
    for (const listener of listeners) listener()
  }

  async function send(method, path, body, token) {
    const headers = {}
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    if (token) headers['X-CSRF-TOKEN'] = token
    let answer, text
    try {
      answer = await fetch(base + path, { method, headers, body: JSON.stringify(body), credentials: 'include' })
      if (answer.ok) text = await answer.text()
    } catch {
      throw new Problem(0)
    }
    if (!answer.ok) throw await Problem.from(answer)
    return text ? JSON.parse(text) : null
  }

  /** New tokens. Calls in parallel share one refresh; so do two tabs, on the server. */
  function refresh() {
    refreshing ??= renew().finally(() => { refreshing = null })
    return refreshing
  }

  async function renew() {
    const mine = turn
    try {
      const tokens = await send('POST', '/api/v1/auth/refresh', undefined, csrf?.csrf_refresh_token)
      refreshes += 1
      if (mine === turn) csrf = tokens
    } catch (problem) {
      if (problem.status === 401 && mine === turn) enter(null)
      throw problem
    }
  }

  /** A call with the access cookie; when that has expired, once more with a new one. */
  async function authenticated(method, path, body) {
    const before = refreshes
    try {
      return await send(method, path, body, csrf?.csrf_access_token)
    } catch (problem) {
      if (problem.code !== 'unauthenticated' || !csrf) throw problem
      if (before === refreshes) await refresh()
      return send(method, path, body, csrf?.csrf_access_token)
    }
  }

  /** Finds out who is logged in: at the start, after a reload, and when another tab has changed it. Never throws. */
  async function restore() {
    const mine = ++turn
    try {
      const tokens = await send('GET', '/api/v1/auth/csrf')
      if (mine !== turn) return state
      csrf = tokens
      const user = await authenticated('GET', '/api/v1/me')
      if (mine === turn) enter(user)
    } catch (problem) {
      if (mine === turn) enter(null, problem.status === 401 ? null : problem)
    }
    return state
  }

  /** Any call to the service. */
  async function call(method, path, body) {
    try {
      return await authenticated(method, path, body)
    } catch (problem) {
      // Somebody else has logged in from another tab: show them, and do not repeat the call in their name.
      if (problem.code === 'csrf-failed') await restore()
      throw problem
    }
  }

  async function register(form) {
    return send('POST', '/api/v1/auth/register', form)
  }

  async function login(login, password) {
    const form = { login, password, transport: 'cookie' }
    const tokens = await send('POST', '/api/v1/auth/login', form, csrf?.csrf_access_token)
    turn += 1
    csrf = tokens
    enter(await authenticated('GET', '/api/v1/me'))
    tabs.postMessage('login')
    return state.user
  }

  async function logout() {
    try {
      await call('POST', '/api/v1/auth/logout')
    } catch (problem) {
      if (problem.status !== 401) throw problem // 401: the session has ended already
    }
    turn += 1
    enter(null)
    tabs.postMessage('logout')
  }

  function subscribe(listener) {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  return { state: () => state, subscribe, restore, register, login, logout, refresh, call }
}
