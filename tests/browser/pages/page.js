// The plain page: the client, within reach of the test.
import { createAuth } from './auth.js'
import { createBearer } from './bearer.js'
import { explain } from './explain.js'

const base = document.querySelector('meta[name=portcullis]').content
const kept = new Map()
const memory = { load: (name) => kept.get(name) ?? null, save: (name, text) => kept.set(name, text) }

window.auth = createAuth(base)
window.bearer = createBearer(base, memory)
window.explain = explain
