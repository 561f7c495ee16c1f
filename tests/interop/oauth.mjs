// The OAuth 2.0 clients of npm against a running Portcullis: discovery, client credentials, introspection, revocation
// and the refresh of a login. Nothing is told to them but the issuer and their credentials.
//
// ISSUER             `iss`, and where the service runs
// AUDIENCE           the `aud` of access tokens
// CLIENT             {"id","secret","scope"}: a client of the database
// OTHER              {"id","secret","scope"}: another one
// REFRESH_TOKENS     ["…", …]: refresh tokens of logins, one for each library and way to discover
//
// Prints `ok <library> <step>` for each step; the exit status is 1 when one of them did not do as it should.

import assert from 'node:assert/strict'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'

const issuer = new URL(process.env.ISSUER)
const audience = process.env.AUDIENCE
const client = JSON.parse(process.env.CLIENT)
const other = JSON.parse(process.env.OTHER)
const refreshTokens = JSON.parse(process.env.REFRESH_TOKENS)
const [narrow] = client.scope.split(' ')
const wrong = client.secret.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
const plain = { [oauth.allowInsecureRequests]: true } // http, on the loopback only

/** What both libraries can do, each said in its own words. */
const libraries = {
  'openid-client': () => {
    const auth = { basic: openid.ClientSecretBasic, post: openid.ClientSecretPost }
    const configure = (algorithm, { id, secret }, how) =>
      openid.discovery(issuer, id, undefined, how === 'none' ? openid.None() : auth[how](secret), {
        algorithm,
        execute: [openid.allowInsecureRequests],
      })
    return {
      metadata: async (algorithm) => (await configure(algorithm, client, 'basic')).serverMetadata(),
      grant: async (as, who, how, scope) =>
        openid.clientCredentialsGrant(await configure(as, who, how), scope ? { scope } : {}),
      introspect: async (as, who, how, token) => openid.tokenIntrospection(await configure(as, who, how), token),
      revoke: async (as, who, how, token) => openid.tokenRevocation(await configure(as, who, how), token),
      refresh: async (as, id, token) => openid.refreshTokenGrant(await configure(as, { id }, 'none'), token),
    }
  },
  oauth4webapi: () => {
    const auth = { basic: oauth.ClientSecretBasic, post: oauth.ClientSecretPost }
    const metadata = async (algorithm) =>
      oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...plain }))
    const by = (who, how) => [{ client_id: who.id }, auth[how](who.secret)]
    return {
      metadata,
      async grant(as, who, how, scope) {
        const server = await metadata(as)
        const parameters = new URLSearchParams(scope ? { scope } : {})
        const answer = await oauth.clientCredentialsGrantRequest(server, ...by(who, how), parameters, plain)
        return oauth.processClientCredentialsResponse(server, { client_id: who.id }, answer)
      },
      async introspect(as, who, how, token) {
        const server = await metadata(as)
        const answer = await oauth.introspectionRequest(server, ...by(who, how), token, plain)
        return oauth.processIntrospectionResponse(server, { client_id: who.id }, answer)
      },
      async revoke(as, who, how, token) {
        const answer = await oauth.revocationRequest(await metadata(as), ...by(who, how), token, plain)
        return oauth.processRevocationResponse(answer)
      },
      async refresh(as, id, token) {
        const server = await metadata(as)
        const answer = await oauth.refreshTokenGrantRequest(server, { client_id: id }, oauth.None(), token, plain)
        return oauth.processRefreshTokenResponse(server, { client_id: id }, answer)
      },
      /** What a resource server does: checks a token with the keys that the metadata name. */
      async verify(as, token, audience) {
        const request = new Request('http://resource.example', { headers: { authorization: `Bearer ${token}` } })
        return oauth.validateJwtAccessToken(await metadata(as), request, audience, plain)
      },
    }
  },
}

/** The call is refused with this status, error code and scheme of the challenge. */
async function refused(call, status, code, challenge) {
  const error = await call.then(
    () => assert.fail(`accepted instead of ${code}`),
    (error) => error,
  )
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    assert.equal(error.status, status)
    assert.equal(error.cause[0].scheme, challenge)
    return
  }
  assert.ok(error instanceof oauth.ResponseBodyError, error)
  assert.deepEqual([error.status, error.error, challenge], [status, code, undefined])
}

/** The steps with one library and one way to discover. */
async function* story(library, as, refreshToken) {
  const metadata = await library.metadata(as)
  assert.equal(metadata.issuer, process.env.ISSUER)
  for (const endpoint of ['token', 'introspection', 'revocation']) {
    assert.ok(metadata[`${endpoint}_endpoint`].startsWith(`${process.env.ISSUER}/oauth2/`))
    const methods = metadata[`${endpoint}_endpoint_auth_methods_supported`]
    for (const method of ['client_secret_basic', 'client_secret_post']) assert.ok(methods.includes(method))
  }
  assert.deepEqual([...metadata.grant_types_supported].sort(), ['client_credentials', 'refresh_token'])
  yield 'discovery'

  for (const how of ['basic', 'post']) {
    const granted = await library.grant(as, client, how)
    assert.equal(granted.token_type, 'bearer') // both libraries write it in lower case
    assert.ok(granted.access_token && granted.expires_in > 0)
    assert.equal(granted.refresh_token, undefined)
    assert.equal(granted.scope, client.scope)
    assert.equal((await library.grant(as, client, how, narrow)).scope, narrow)
    await refused(library.grant(as, client, how, 'not:granted'), 400, 'invalid_scope')
    const challenge = 'basic' // with every 401 (RFC 9110 §15.5.2), however the client wanted to prove who it is
    await refused(library.grant(as, { ...client, secret: wrong }, how), 401, 'invalid_client', challenge)
    await refused(library.grant(as, { ...client, secret: other.secret }, how), 401, 'invalid_client', challenge)
    yield `client_credentials by ${how}`

    const told = await library.introspect(as, client, how, granted.access_token)
    assert.deepEqual([told.active, told.iss, told.client_id, told.sub], [true, metadata.issuer, client.id, client.id])
    assert.deepEqual([told.aud, told.scope], [audience, client.scope])
    assert.equal(told.exp - told.iat, granted.expires_in)
    const { active, ...nothing } = await library.introspect(as, client, how, `${granted.access_token}x`)
    assert.deepEqual([active, nothing], [false, {}])
    const guess = { ...client, secret: wrong }
    await refused(library.introspect(as, guess, how, granted.access_token), 401, 'invalid_client', challenge)
    yield `introspection by ${how}`

    if (library.verify) {
      const claims = await library.verify(as, granted.access_token, audience)
      assert.deepEqual([claims.sub, claims.client_id, claims.scope], [client.id, client.id, client.scope])
      await assert.rejects(library.verify(as, granted.access_token, 'somebody-else'))
      yield 'verification'
    }

    // Another client may not end it, and need not be told.
    await library.revoke(as, other, how, granted.access_token).catch((error) => {
      assert.ok(error instanceof oauth.ResponseBodyError, error)
    })
    assert.equal((await library.introspect(as, client, how, granted.access_token)).active, true)
    await refused(library.revoke(as, guess, how, granted.access_token), 401, 'invalid_client', challenge)
    await library.revoke(as, client, how, granted.access_token)
    assert.equal((await library.introspect(as, client, how, granted.access_token)).active, false)
    await library.revoke(as, client, how, granted.access_token)
    await library.revoke(as, client, how, 'no token at all')
    yield `revocation by ${how}`
  }

  const refreshed = await library.refresh(as, 'portcullis', refreshToken)
  assert.ok(refreshed.access_token && refreshed.refresh_token !== refreshToken)
  const told = await library.introspect(as, client, 'basic', refreshed.access_token)
  assert.deepEqual([told.active, told.client_id], [true, 'portcullis'])
  const again = await library.refresh(as, 'portcullis', refreshed.refresh_token)
  assert.notEqual(again.refresh_token, refreshed.refresh_token)
  await refused(library.refresh(as, 'portcullis', 'no token at all'), 400, 'invalid_grant')
  yield 'refresh_token'
}

let fine = true
for (const [name, library] of Object.entries(libraries)) {
  for (const as of ['oauth2', 'oidc']) {
    let last = 'discovery'
    try {
      for await (const step of story(library(), as, refreshTokens.shift())) {
        console.log(`ok ${name} ${as} ${step}`)
        last = `what follows ${step}`
      }
    } catch (error) {
      console.error(error)
      console.log(`failed ${name} ${as} ${last}`)
      fine = false
    }
  }
}
process.exit(fine ? 0 : 1)
