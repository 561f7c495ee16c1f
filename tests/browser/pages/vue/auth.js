import { inject, shallowRef } from 'vue'

const key = Symbol('portcullis')

/** The plugin: `app.use(authPlugin(createAuth(…)))`. */
export function authPlugin(auth) {
  return {
    install(app) {
      const state = shallowRef(auth.state())
      auth.subscribe(() => { state.value = auth.state() })
      app.provide(key, { ...auth, state })
      auth.restore()
    },
  }
}

/** `state.value` is `{ status, user, problem }` as they change; the rest is what one can do. */
export function useAuth() {
  return inject(key)
}
