import { createContext, useContext, useEffect, useSyncExternalStore } from 'react'

const Auth = createContext(null)

/** `auth` comes from `createAuth`, made once outside of all components. */
export function AuthProvider({ auth, children }) {
  useEffect(() => { auth.restore() }, [auth])
  return <Auth value={auth}>{children}</Auth>
}

/** `{ status, user, problem }` as they change, and what one can do. */
export function useAuth() {
  const auth = useContext(Auth)
  const state = useSyncExternalStore(auth.subscribe, auth.state)
  return { ...auth, ...state }
}
