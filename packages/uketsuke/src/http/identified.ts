/** The caller, as returned by `authenticate`. */
export interface Identity {
  /** The owner of the caller's jobs: any stable identifier of a user or tenant. */
  owner: string
  /** The scopes of the credential: `jobs:create`, `jobs:read`, `jobs:cancel`, `webhooks:manage`, or `admin` for all. Default: all. */
  scopes?: readonly string[] | undefined
  /** When the credential expires, in milliseconds since the epoch. Its event streams end then. Default: never. */
  expiresAt?: number | undefined
  /**
   * An id of the credential, such as a session id. With `isRevoked`, its event streams and stream tickets end within five seconds of a
   * revocation.
   */
  credential?: string | undefined
}

/** What `identify` may return: anything falsy means that it does not know the caller. */
export type Identified = Identity | null | undefined | false | '' | 0

/** Options of an adapter. */
export interface AdapterOptions<Req> {
  /**
   * Identifies the caller from the server's own request, such as `(req) => req.user && { owner: req.user.id }` after an authentication
   * middleware. If it returns nothing, `authenticate` decides, or without it the response is 401. An error responds with 500.
   */
  identify?: (req: Req) => Identified | Promise<Identified>
}
