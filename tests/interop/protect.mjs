// An Express app behind express-oauth2-jwt-bearer, which is told the issuer and the audience and nothing else.
//
// ISSUER    `iss`, and where the service runs
// AUDIENCE  the `aud` that the app expects
// JWT_ALG   the algorithm that it pins where it can
// TOKENS    [{"name","token","status","sub"?}, …]: what becomes of a call with each; a token that is absent is not sent
//
// Prints `ok <name>` for each token; the exit status is 1 when one of them was not treated as it should be.

import express from 'express'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'

const { ISSUER: issuer, AUDIENCE: audience, JWT_ALG: tokenSigningAlg } = process.env
const jwksUri = `${issuer}/.well-known/jwks.json`
const ways = {
  discovery: auth({ issuerBaseURL: issuer, audience, strict: true, clockTolerance: 0 }),
  jwks: auth({ issuer, jwksUri, audience, tokenSigningAlg, strict: true, clockTolerance: 0 }),
}

const app = express()
for (const [way, check] of Object.entries(ways)) {
  app.get(`/${way}`, check, (request, answer) => answer.json({ sub: request.auth.payload.sub }))
  app.get(`/${way}/scoped`, check, requiredScopes('account'), (request, answer) => answer.sendStatus(204))
}
app.use((error, request, answer, next) => {
  if (!error.status) console.error(error)
  answer.set(error.headers).sendStatus(error.status ?? 500)
})

const server = app.listen(0, '127.0.0.1', async () => {
  let fine = true
  for (const way of Object.keys(ways)) {
    for (const { name, token, status, sub, scoped } of JSON.parse(process.env.TOKENS)) {
      const call = (path) => fetch(`http://127.0.0.1:${server.address().port}/${way}${path}`, { headers })
      const headers = token ? { authorization: `Bearer ${token}` } : {}
      const answer = await call('')
      const told = answer.status === 200 ? await answer.json() : {}
      const challenge = answer.headers.get('www-authenticate') ?? ''
      const good =
        answer.status === status &&
        told.sub === sub &&
        challenge.startsWith('Bearer') === (status === 401) &&
        (scoped === undefined || (await call('/scoped')).status === scoped)
      console.log(`${good ? 'ok' : 'failed'} ${way} ${name}: ${answer.status} ${challenge}`)
      fine &&= good
    }
  }
  server.close()
  process.exit(fine ? 0 : 1)
})
