import { UketsukeError } from '../domain/errors.ts'
import type { HttpOptions } from './call.ts'
import type { Incoming } from './incoming.ts'

export type Scope = 'jobs:read' | 'jobs:write'

/** Who calls, as the user's own `authenticate` says. */
export interface Identity {
  /** Whose jobs these are: any stable name of a user or tenant. */
  owner: string
  /** What the credential may do; absent means everything. */
  scopes?: readonly string[] | undefined
}

/** @throws `unauthorized`, `forbidden` */
export async function identify(options: HttpOptions, incoming: Incoming, scope: Scope | null): Promise<string> {
  const identity = await options.authenticate(incoming.request)
  if (identity === null || identity === undefined) throw new UketsukeError('unauthorized')
  // Fails closed: an owner that is no name must never be taken for anybody, least of all for everybody.
  if (typeof identity.owner !== 'string' || identity.owner === '') {
    throw new TypeError('authenticate() must give { owner: string } or null')
  }
  if (scope !== null && identity.scopes !== undefined && !identity.scopes.includes(scope)) {
    throw new UketsukeError('forbidden', `The credential lacks the scope ${scope}.`)
  }
  return identity.owner
}
