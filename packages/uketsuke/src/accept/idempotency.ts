import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { type Clock, sleep } from '../base/clock.ts'
import { UketsukeError } from '../domain/errors.ts'

/** How long an idempotency key is kept, in milliseconds. */
export const keyLifetime = 24 * 60 * 60_000
/** How long a repeated request waits for the first one, in milliseconds. */
const waitMs = 2_000

/** SHA-256 of the payload's canonical JSON (RFC 8785), which does not depend on the order of members. */
export function fingerprint(payload: unknown): string {
  // Serialize to JSON first, so that dates and undefined members look as in a request body. RFC 8785 does not support lone surrogates, so
  // their escapes are escaped again, and so are backslashes, to keep a literal backslash distinct from an escape.
  const text = JSON.stringify(payload).replace(/\\(\\|ud[89a-f][0-9a-f]{2})/g, (found) =>
    found === '\\\\' ? found.repeat(2) : `\\${found}`,
  )
  return hash('sha256', canonicalize(JSON.parse(text)) ?? '', 'base64url')
}

/** Serializes the requests of one scope, so that a repeated request finds what the first one stored. */
export class InFlight {
  readonly #requests = new Map<string, Promise<unknown>>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @throws `idempotency-in-progress` if the first request takes longer than two seconds */
  async run<T>(scope: string, work: () => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + waitMs
    for (let first = this.#requests.get(scope); first; first = this.#requests.get(scope)) {
      const left = deadline - this.#clock.now()
      if (left <= 0) {
        throw new UketsukeError(
          'idempotency-in-progress',
          'The first request with this idempotency key is still in progress.',
          {
            retryAfter: 1,
          },
        )
      }
      const done = new AbortController()
      await Promise.race([first.catch(() => {}), sleep(this.#clock, left, done.signal)])
      done.abort()
    }
    const request = work()
    this.#requests.set(scope, request)
    try {
      return await request
    } finally {
      this.#requests.delete(scope)
    }
  }
}
