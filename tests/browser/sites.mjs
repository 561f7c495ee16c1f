// Four origins with the same pages: what differs is only where a page comes from.

import { createServer } from 'node:http'
import { scripts } from './bundle.mjs'
import { Gateway } from './gateway.mjs'

/** What the service answers on its own origin: the API, and its pages for people. */
const service = /^\/(api|setup|set-password)(\/|$)/

const hosts = [['own', 'localhost'], ['allowed', 'localhost'], ['sibling', 'localhost'], ['stranger', '127.0.0.1']]

/**
 * - `own`: the issuer's origin; the service itself is behind it.
 * - `allowed`: another port of the same host: another origin, the same site. In the service's allow-list.
 * - `sibling`: the same site too, but on no list. The browser does send it along with cookies.
 * - `stranger`: another site.
 */
export async function open() {
  const gateway = new Gateway()
  const files = await scripts()
  const origins = {}
  const servers = []
  for (const [name, host] of hosts) {
    const server = createServer((incoming, outgoing) => {
      const { pathname } = new URL(incoming.url, 'http://any')
      const page = pathname === '/' ? '/page' : pathname
      const base = name === 'own' ? '' : origins.own
      if (files.has(`${page}.js`)) return send(outgoing, 'text/html', html(page, base))
      if (files.has(pathname)) return send(outgoing, 'text/javascript', files.get(pathname))
      if (name === 'own' && service.test(pathname)) return gateway.handle(incoming, outgoing)
      outgoing.writeHead(404).end()
    })
    await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
    origins[name] = `http://${host}:${server.address().port}`
    servers.push(server)
  }
  const close = () => servers.forEach((server) => {
    server.closeAllConnections()
    server.close()
  })
  return { origins, gateway, close }
}

function send(outgoing, type, text) {
  outgoing.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-store' }).end(text)
}

function html(page, base) {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${page}</title><link rel="icon" href="data:,">
<meta name="portcullis" content="${base}"></head>
<body><div id="app"></div><script type="module" src="${page}.js"></script></body></html>
`
}
