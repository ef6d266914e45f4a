import { isThenable } from '../base/thrown.ts'
import { UketsukeError } from '../domain/errors.ts'
import { checkOwner } from '../domain/identifiers.ts'
import type { HttpRequest } from './request.ts'

export type Scope = 'jobs:read' | 'jobs:write'

/** Who calls, as the user's own `authenticate` says. */
export interface Identity {
  /** Whose jobs these are: any stable name of a user or tenant. */
  owner: string
  /** What the credential may do; absent means everything. */
  scopes?: readonly string[] | undefined
}

export interface HttpOptions {
  /**
   * Who calls? Null answers 401. Throw `quota-exceeded` (or a `QuotaExceeded`) for a 429. On Node the request is made only as far as
   * it is used: give `request.clone()` to what makes another of it, such as `new Request(…)` or `fetch(…)`.
   */
  authenticate: (request: Request) => Identity | null | undefined | Promise<Identity | null | undefined>
  /** The largest request body, in bytes; 1 MiB by default. */
  maxBodyBytes?: number | undefined
}

/** The owner; a promise only where `authenticate` gives one. @throws `unauthorized`, `forbidden`, `invalid-owner` */
export function identify(options: HttpOptions, request: HttpRequest, scope: Scope | null): string | Promise<string> {
  const identity = options.authenticate(request.request)
  if (isThenable(identity)) return Promise.resolve(identity).then((one) => ownerOf(one, scope))
  return ownerOf(identity, scope)
}

function ownerOf(identity: Identity | null | undefined, scope: Scope | null): string {
  if (identity === null || identity === undefined) throw new UketsukeError('unauthorized')
  const { owner } = identity
  // Fails closed: an owner that is no name must never be taken for anybody, least of all for everybody.
  checkOwner(owner)
  if (scope !== null && identity.scopes !== undefined && !identity.scopes.includes(scope)) {
    throw new UketsukeError('forbidden', `The credential lacks the scope ${scope}.`)
  }
  return owner
}
