// Node clients verify tokens of a running Portcullis with the keys that it publishes.
// The environment, the output and the exit status are those of verify.py.

import * as jose from 'jose'
import jsonwebtoken from 'jsonwebtoken'
import { JwksClient } from 'jwks-rsa'
import { PasetoError, PublicProtocol } from 'paseto'
import paseto3 from 'paseto-3'
import { ImportPublicKeyFactory, VerifyFactory } from 'paseto/v4/public'

const url = process.env.PORTCULLIS_URL?.replace(/\/+$/, '')
const issuer = process.env.PORTCULLIS_ISSUER ?? url
const audience = process.env.PORTCULLIS_AUDIENCE ?? 'portcullis'
const alg = process.env.JWT_ALG ?? 'ES256'
const claims = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'sid', 'client_id', 'scope']

const more = (process.env.MORE_CLAIMS ?? '').split(' ').filter(Boolean)

class Refused extends Error {}

/** The same token for another subject: well formed, with a signature that is not its own. */
function tampered(token) {
  const parts = token.split('.')
  const [at, tail] = parts.length === 3 ? [1, 0] : [2, 64]
  const data = Buffer.from(parts[at], 'base64url')
  const payload = JSON.parse(data.subarray(0, data.length - tail).toString())
  payload.sub = '00000000-0000-7000-8000-000000000000'
  const signature = data.subarray(data.length - tail)
  parts[at] = Buffer.concat([Buffer.from(JSON.stringify(payload)), signature]).toString('base64url')
  return parts.join('.')
}

async function byJose(token, audience) {
  const keys = jose.createRemoteJWKSet(new URL(`${url}/.well-known/jwks.json`))
  const options = { issuer, audience, algorithms: [alg], typ: 'at+jwt', requiredClaims: claims }
  return (await jose.jwtVerify(token, keys, options)).payload
}

async function byJsonwebtoken(token, audience) {
  const client = new JwksClient({ jwksUri: `${url}/.well-known/jwks.json` })
  const key = async ({ kid }, answer) => {
    try {
      answer(null, (await client.getSigningKey(kid)).getPublicKey())
    } catch (error) {
      answer(error)
    }
  }
  const options = { issuer, audience, algorithms: [alg], complete: true }
  const verified = await new Promise((resolve, reject) => {
    jsonwebtoken.verify(token, key, options, (error, value) => (error ? reject(error) : resolve(value)))
  })
  if (verified.header.typ !== 'at+jwt') throw new Refused('typ')
  return verified.payload
}

async function paserk(token) {
  const { kid } = JSON.parse(Buffer.from(token.split('.')[3], 'base64url').toString())
  const { keys } = await (await fetch(`${url}/.well-known/paserk.json`)).json()
  const key = keys.find((key) => key.kid === kid)
  if (!key) throw new Refused(`no key ${kid}`)
  return key
}

async function byPaseto(token, audience) {
  const { paserk: text } = await paserk(token)
  const v4 = new PublicProtocol(ImportPublicKeyFactory, VerifyFactory)
  const key = await v4.ImportPublicKey(text)
  return (await v4.Verify(key, token, { issuer, audience, requiredClaims: claims })).claims
}

async function byPaseto3(token, audience) {
  const { paserk: text } = await paserk(token)
  const bytes = Buffer.from(text.slice('k4.public.'.length), 'base64url')
  return paseto3.V4.verify(token, paseto3.V4.bytesToKeyObject(bytes), { issuer, audience })
}

async function refuses(verify, refusals, token, audience) {
  try {
    await verify(token, audience)
  } catch (error) {
    if ([Refused, ...refusals].some((kind) => error instanceof kind)) return
    throw error
  }
  throw new Error('accepted')
}

/** Whether the claims about access are as the specifications say, and only those that were announced. */
function isPlain(payload) {
  const told = ['act', 'roles', 'permissions'].filter((name) => name in payload)
  const isTexts = (list) => Array.isArray(list) && list.every((text) => typeof text === 'string')
  const { act, roles = [], permissions = [] } = payload
  // RFC 8693 §4.1; `read_only` is what support gets unless it asks for more.
  const isNamed = act === undefined || (Object.keys(act).join() === 'sub' && act.sub !== payload.sub)
  const isReadOnly = payload.scope.split(' ').includes('read_only')
  const isAnnounced = [...told].sort().join() === [...more].sort().join()
  return isAnnounced && isTexts(roles) && isTexts(permissions) && isNamed && isReadOnly === (act !== undefined)
}

/** Whether the client accepts the token, and refuses it when it was changed or is for somebody else. */
async function check(client, format, verify, refusals, token) {
  try {
    const payload = await verify(token, audience)
    const missing = claims.filter((name) => !(name in payload))
    if (missing.length > 0) throw new Error(`missing ${missing}`)
    if (!isPlain(payload)) throw new Error(`access ${JSON.stringify(payload)}`)
    await refuses(verify, refusals, tampered(token), audience)
    await refuses(verify, refusals, token, 'somebody-else')
  } catch (error) {
    console.error(error)
    console.log(`failed ${client} ${format}`)
    return false
  }
  console.log(`ok ${client} ${format}`)
  return true
}

const fine = []
if (process.env.JWT_TOKEN) {
  const token = process.env.JWT_TOKEN
  fine.push(await check('jose', 'jwt', byJose, [jose.errors.JOSEError], token))
  if (alg === 'EdDSA') {
    console.log('skipped jsonwebtoken+jwks-rsa jwt: it does not know EdDSA')
  } else {
    fine.push(await check('jsonwebtoken+jwks-rsa', 'jwt', byJsonwebtoken, [jsonwebtoken.JsonWebTokenError], token))
  }
}
if (process.env.PASETO_TOKEN) {
  const token = process.env.PASETO_TOKEN
  fine.push(await check('paseto', 'paseto', byPaseto, [PasetoError], token))
  fine.push(await check('paseto-3', 'paseto', byPaseto3, [paseto3.errors.PasetoError], token))
}
if (fine.length === 0) console.error('neither JWT_TOKEN nor PASETO_TOKEN is set')
process.exit(fine.length > 0 && fine.every(Boolean) ? 0 : 1)
