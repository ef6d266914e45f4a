import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Clock, sleep } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'

/** How long a key is kept: a client may repeat its request for this many milliseconds. */
export const keyLifetime = 24 * 60 * 60_000
/** How long a repeated request waits for the first one, in milliseconds. */
const patience = 2_000

/** SHA-256 of the payload's canonical JSON (RFC 8785): the order of members does not matter. */
export function fingerprint(payload: unknown): string {
  // Through JSON first: dates and undefined members look as they do in a body. RFC 8785 has no word for half a character, so its
  // escape is escaped again, and so is each backslash, lest the text of an escape be taken for one.
  const text = JSON.stringify(payload).replace(/\\(\\|ud[89a-f][0-9a-f]{2})/g, (found) =>
    found === '\\\\' ? found.repeat(2) : `\\${found}`,
  )
  return hash('sha256', canonicalize(JSON.parse(text)) ?? '', 'base64url')
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
