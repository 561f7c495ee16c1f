import { useState } from 'react'
import { explain } from '../explain.js'
import { useAuth } from './auth.jsx'

export function App() {
  const { status, problem, restore } = useAuth()
  if (status === 'user') return <Home />
  if (status === 'guest') return <Login />
  if (!problem) return <p>One moment…</p>
  return <p role="alert">{explain(problem)} <button onClick={restore}>Try again</button></p>
}

function Login() {
  const { login } = useAuth()
  const [failure, setFailure] = useState(null)

  async function submit(event) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    await login(form.get('login'), form.get('password')).catch(setFailure)
  }

  return (
    <form onSubmit={submit}>
      <input name="login" aria-label="Name" autoComplete="username" required />
      <input name="password" aria-label="Password" type="password" autoComplete="current-password" required />
      <button>Log in</button>
      {failure && <p role="alert">{explain(failure)}</p>}
    </form>
  )
}

function Home() {
  const { user, call, logout, restore } = useAuth()
  const [sessions, setSessions] = useState([])
  const [failure, setFailure] = useState(null)

  async function load() {
    const lists = await Promise.all([call('GET', '/api/v1/me/sessions'), call('GET', '/api/v1/me')])
    setSessions(lists[0].items)
  }

  async function rename(form) {
    await call('PATCH', '/api/v1/me', { username: form.get('username') })
    await restore()
  }

  return (
    <main>
      <h1>{user.username}</h1>
      <form action={(form) => rename(form).catch(setFailure)}>
        <input name="username" aria-label="New name" required />
        <button>Rename</button>
      </form>
      <button onClick={() => load().catch(setFailure)}>Show devices</button>
      <ul>{sessions.map((session) => <li key={session.id}>{session.user_agent}</li>)}</ul>
      <button onClick={() => logout().catch(setFailure)}>Log out</button>
      {failure && <p role="alert">{explain(failure)}</p>}
    </main>
  )
}
