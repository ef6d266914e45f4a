import { isThenable } from '../base/thrown.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'
import { allows, type Scope } from '../domain/scopes.ts'
import type { TokenBuckets } from '../quota/token-bucket.ts'
import type { Identified, Identity } from './identified.ts'
import type { HttpRequest } from './request.ts'

export type { Identity }

export interface HttpOptions {
  /**
   * Authenticates a request. Null responds with 401. Throw a `QuotaExceeded` or a `UketsukeError` with the code `quota-exceeded` to
   * respond with 429. Any other error responds with 500. On Node.js, the `Request` is built lazily: pass `request.clone()` to code that
   * derives another request from it, such as `new Request(…)` or `fetch(…)`. `native` is the request of the server itself: on Node.js and
   * Express the one that earlier middleware has seen, elsewhere the same `Request`.
   */
  authenticate?:
    | ((request: Request, native: unknown) => Identity | null | undefined | Promise<Identity | null | undefined>)
    | undefined
  /** The maximum size of a request body in bytes. Default: 1 MiB. */
  maxBodyBytes?: number | undefined
  /** Whether a credential has been revoked. Asked every two seconds for the credentials of open streams. */
  isRevoked?: ((credential: string, owner: string) => boolean | Promise<boolean>) | undefined
  /** Whether API keys of the store are accepted, also in `X-API-Key`. */
  apiKeys?: boolean | undefined
  /** Whether the API reference is served. Default: true. */
  docs?: boolean | undefined
  /** The request quota of each owner. Default: none. */
  requests?: TokenBuckets | undefined
}

/** Who calls, and whether the credential may read jobs: one that may only write gets no outputs. */
export interface Caller {
  readonly owner: string
  readonly canRead: boolean
  /** Undefined: all. */
  readonly scopes?: readonly string[] | undefined
  readonly expiresAt?: number | undefined
  readonly credential?: string | undefined
}

/**
 * Authenticates the caller and charges the request to its quota. Returns a promise only if one of the two does.
 * @throws `unauthorized`, `forbidden`, `invalid-owner`, `quota-exceeded`
 */
export function identify(options: HttpOptions, request: HttpRequest, scope: Scope | null): Caller | Promise<Caller> {
  const identity = identityOf(options, request)
  const admit = (one: Identity | null | undefined) => {
    const caller = callerOf(one, scope)
    return options.requests?.take(caller.owner)?.then(() => caller) ?? caller
  }
  return isThenable(identity) ? Promise.resolve(identity).then(admit) : admit(identity)
}

type Answer = Identity | null | undefined

/** The mount's own `identify` is asked first, then `authenticate`. @throws `invalid-configuration` if there is neither */
function identityOf({ authenticate }: HttpOptions, request: HttpRequest): Answer | Promise<Answer> {
  const rest = (known: Identified): Answer | Promise<Answer> =>
    known || (authenticate?.(request.request, request.native) ?? null)
  if (request.identify) {
    const known = request.identify()
    return isThenable(known) ? Promise.resolve(known).then(rest) : rest(known)
  }
  if (authenticate) return authenticate(request.request, request.native)
  throw new UketsukeError('invalid-configuration', 'createJobs(): authenticate is required to serve HTTP requests.')
}

function callerOf(identity: Identity | null | undefined, scope: Scope | null): Caller {
  if (identity === null || identity === undefined) throw new UketsukeError('unauthorized')
  const { owner, scopes, expiresAt, credential } = identity
  // Fail closed: an invalid owner must never match another owner or all owners.
  checkOwner(owner)
  if (scope !== null && !allows(scopes, scope)) {
    throw new UketsukeError('forbidden', `The credential does not have the scope ${scope}.`)
  }
  return { owner, canRead: allows(scopes, 'jobs:read'), scopes, expiresAt, credential }
}
