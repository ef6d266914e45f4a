import { createPublicKey } from 'node:crypto'
import type { JWTPayload, JWTVerifyOptions } from 'jose'
import { assertConfiguration } from '../base/assert.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { text } from '../base/thrown.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'
import type { Identity } from '../http/identity.ts'

export interface JwtOptions {
  /** The accepted algorithms, such as `['RS256']`. HMAC (`HS256`, …) needs `secret`; all others need `publicKey` or `jwksUrl`. */
  algorithms: readonly string[]
  /** The expected `iss` claim. */
  issuer: string | readonly string[]
  /** The expected `aud` claim: the name of this API at the issuer. */
  audience: string | readonly string[]
  /** The shared secret of HMAC algorithms, at least 32 bytes. */
  secret?: string | Uint8Array
  /** The issuer's public key in PEM (SPKI). */
  publicKey?: string
  /** The https URL of the issuer's key set. It is fetched when needed and cached. URLs inside of tokens are ignored. */
  jwksUrl?: string
  /** Returns the owner. Default: the claim `sub`. */
  owner?: (claims: JWTPayload) => unknown
  /**
   * Returns the scopes; undefined for all. Default: the claim `scope` (separated by spaces) or `scopes` (an array), and all scopes for a
   * token that has neither.
   */
  scopes?: (claims: JWTPayload) => readonly string[] | undefined
  /** The allowed difference between the clocks, in seconds. Default: 5. */
  clockTolerance?: number
  /** The clock, for tests. Default: the system clock. */
  clock?: Clock
}

/**
 * Returns an `authenticate` function that accepts JSON Web Tokens in `Authorization: Bearer`. A token must have `exp` and `sub`.
 * An invalid token is null (401); a key set that cannot be fetched is 503.
 * @throws {UketsukeError} `invalid-configuration`
 */
export function jwt(options: JwtOptions): (request: Request) => Promise<Identity | null> {
  checkOptions(options)
  const { algorithms, issuer, audience, clockTolerance = 5, clock = systemClock } = options
  const owner = options.owner ?? ((claims) => claims.sub)
  const scopes = options.scopes ?? scopesOf
  let loading: Promise<Verify> | null = null
  return async (request) => {
    const [, token] = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(request.headers.get('authorization') ?? '') ?? []
    if (token === undefined) return null
    loading ??= load(options).catch((error: unknown) => {
      loading = null
      throw error
    })
    const verify = await loading
    const claims = await verify(token, {
      algorithms: [...algorithms],
      issuer: [issuer].flat(),
      audience: [audience].flat(),
      requiredClaims: ['exp', 'sub'],
      clockTolerance,
      currentDate: new Date(clock.now()),
    })
    if (claims === null) return null
    const whose = owner(claims)
    if (!isOwner(whose)) return null
    return { owner: whose, scopes: scopes(claims), expiresAt: (claims.exp ?? 0) * 1_000 }
  }
}

type Verify = (token: string, options: JWTVerifyOptions) => Promise<JWTPayload | null>

/** Loads jose with the first token: programs without JWTs do not pay for it. */
async function load({ secret, publicKey, jwksUrl, algorithms }: JwtOptions): Promise<Verify> {
  const { jwtVerify, importSPKI, createRemoteJWKSet } = await import('jose')
  const keySet = jwksUrl === undefined ? null : createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: 5_000 })
  const key = secret === undefined ? null : typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  const pem = publicKey === undefined ? null : await importSPKI(publicKey, algorithms[0]!)
  return async (token, options) => {
    try {
      const { payload } =
        keySet === null ? await jwtVerify(token, key ?? pem!, options) : await jwtVerify(token, keySet, options)
      return payload
    } catch (error) {
      if (keySet !== null && isUnreachable(error))
        throw new UketsukeError('temporarily-unavailable', 'The key set of the token issuer is unavailable.', {
          cause: error,
        })
      return null
    }
  }
}

/** jose reports a failed fetch as itself, a time-out and a bad response by these codes. All other codes concern the token. */
const unreachable = ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']
const isUnreachable = (error: unknown): boolean => {
  const code = text(error, 'code')
  return !code.startsWith('ERR_J') || unreachable.includes(code)
}

function scopesOf({ scope, scopes }: JWTPayload): readonly string[] | undefined {
  if (scope === undefined && scopes === undefined) return undefined
  const given = typeof scope === 'string' ? scope.split(' ') : (scope ?? scopes)
  return Array.isArray(given) ? given.filter((one) => typeof one === 'string') : []
}

const isFilled = (value: unknown): boolean => {
  const all = [value].flat()
  return all.length > 0 && all.every((one) => typeof one === 'string' && one !== '')
}

function checkOptions(options: JwtOptions): void {
  const { algorithms, issuer, audience, secret, publicKey, jwksUrl } = options
  assertConfiguration(
    Array.isArray(algorithms) && isFilled(algorithms),
    "jwt(): algorithms must name the accepted algorithms, such as ['RS256']",
  )
  assertConfiguration(!algorithms.some((one) => /^none$/i.test(one)), 'jwt(): the algorithm "none" is never accepted')
  assertConfiguration(isFilled(issuer), 'jwt(): issuer is required')
  assertConfiguration(isFilled(audience), 'jwt(): audience is required')
  const keys = [secret, publicKey, jwksUrl].filter((one) => one !== undefined)
  assertConfiguration(keys.length === 1, 'jwt(): exactly one of secret, publicKey and jwksUrl is required')
  const hmac = algorithms.map((one) => /^HS\d+$/.test(one))
  // A public key must never be usable as an HMAC secret.
  assertConfiguration(
    hmac.every((one) => one === (secret !== undefined)),
    'jwt(): HMAC algorithms need secret, and all others need publicKey or jwksUrl',
  )
  assertConfiguration(
    secret === undefined || Buffer.byteLength(secret as string) >= 32,
    'jwt(): secret must have at least 32 bytes',
  )
  assertConfiguration(publicKey === undefined || isPublicKey(publicKey), 'jwt(): publicKey must be a public key in PEM')
  if (jwksUrl === undefined) return
  const url = URL.canParse(jwksUrl) ? new URL(jwksUrl) : null
  const local = url !== null && url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  assertConfiguration(url?.protocol === 'https:' || local, 'jwt(): jwksUrl must be an https URL')
}

function isOwner(value: unknown): value is string {
  try {
    checkOwner(value)
    return true
  } catch {
    return false
  }
}

function isPublicKey(pem: string): boolean {
  try {
    // It also takes a private key, which has no place in a server that only verifies.
    return !pem.includes('PRIVATE') && createPublicKey(pem).type === 'public'
  } catch {
    return false
  }
}
