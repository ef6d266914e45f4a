import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Clock, sleep } from '../clock.ts'
import { UketsukeError } from '../domain/errors.ts'

/** How long a key is kept: a client may repeat its request for this many milliseconds. */
export const keyLifetime = 24 * 60 * 60_000
/** How long a repeated request waits for the first one, in milliseconds. */
const patience = 2_000

/** SHA-256 of the payload's canonical JSON (RFC 8785): the order of members does not matter. */
export function fingerprint(payload: unknown): string {
  // Through JSON first: dates and undefined members look as they do in a body.
  const text = canonicalize(JSON.parse(JSON.stringify(payload))) ?? ''
  return createHash('sha256').update(text).digest('base64url')
}

/** Lets the requests of one scope through one after another, so that a repeated one meets what the first has stored. */
export class InFlight {
  readonly #requests = new Map<string, Promise<unknown>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws `idempotency-in-progress` where the first takes longer than two seconds */
  async run<T>(scope: string, work: () => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + patience
    for (let first = this.#requests.get(scope); first; first = this.#requests.get(scope)) {
      const left = deadline - this.#clock.now()
      if (left <= 0) {
        throw new UketsukeError('idempotency-in-progress', 'The first request with this key is still under way.', {
          retryAfter: 1,
        })
      }
      const done = new AbortController()
      await Promise.race([first.catch(() => {}), sleep(this.#clock, left, done.signal)])
      done.abort()
    }
    const mine = work()
    this.#requests.set(scope, mine)
    try {
      return await mine
    } finally {
      this.#requests.delete(scope)
    }
  }
}
