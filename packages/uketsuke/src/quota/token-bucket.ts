import type { Clock } from '../base/clock.ts'
import { QuotaExceeded } from '../domain/quota.ts'
import type { RecordStore } from '../store/records.ts'

/** At most `limit` requests per `window` milliseconds, and as many at once. */
export interface Rate {
  readonly limit: number
  readonly window: number
}

/** The tokens that this process has taken from an owner's bucket, and until when it may use them or must not ask again. */
interface Share {
  tokens: number
  until: number
  emptyUntil: number
  taking: Promise<void> | null
}

const kind = 'request-quota'
/** More owners than this are forgotten, the oldest first. */
const mostOwners = 10_000
/** A share lasts this long, in milliseconds. Then its unused tokens are lost. */
const shareMs = 1_000

/**
 * Limits the requests of each owner with a token bucket that all processes on the store share. A process takes a tenth of the available
 * tokens at once, so that most requests cost no access to the store.
 */
export class TokenBuckets {
  readonly #rate: Rate
  readonly #records: RecordStore
  readonly #ready: () => Promise<void>
  readonly #clock: Clock
  readonly #shares = new Map<string, Share>()

  /** `ready` resolves when the store is open. */
  constructor(rate: Rate, records: RecordStore, clock: Clock, ready: () => Promise<void>) {
    this.#rate = rate
    this.#records = records
    this.#clock = clock
    this.#ready = ready
  }

  /** A promise only if the store must be asked. @throws {QuotaExceeded} */
  take(owner: string): Promise<void> | undefined {
    const share = this.#share(owner)
    const now = this.#clock.now()
    if (share.emptyUntil > now) throw this.#exceeded(share.emptyUntil - now)
    if (share.tokens < 1 || share.until <= now) return this.#takeLater(owner, share)
    share.tokens--
    return undefined
  }

  async #takeLater(owner: string, share: Share): Promise<void> {
    // Concurrent requests of one owner wait for the same refill.
    share.taking ??= this.#refill(owner, share).finally(() => {
      share.taking = null
    })
    await share.taking
    await this.take(owner)
  }

  async #refill(owner: string, share: Share): Promise<void> {
    await this.#ready()
    const { limit, window } = this.#rate
    await this.#records.update(kind, owner, owner, (value) => {
      const now = this.#clock.now()
      const { tokens, at } = bucketOf(value, limit, now)
      const available = Math.min(limit, tokens + ((now - at) * limit) / window)
      if (available < 1) {
        share.emptyUntil = now + ((1 - available) * window) / limit
        return null
      }
      const taken = Math.min(Math.floor(available), Math.max(1, Math.floor(limit / 50), Math.floor(available / 10)))
      Object.assign(share, { tokens: taken, until: now + shareMs, emptyUntil: 0 })
      return JSON.stringify({ tokens: available - taken, at: now })
    })
  }

  #share(owner: string): Share {
    const known = this.#shares.get(owner)
    if (known !== undefined) return known
    if (this.#shares.size >= mostOwners) this.#shares.delete(this.#shares.keys().next().value ?? '')
    const share: Share = { tokens: 0, until: 0, emptyUntil: 0, taking: null }
    this.#shares.set(owner, share)
    return share
  }

  #exceeded(ms: number): QuotaExceeded {
    const { limit, window } = this.#rate
    return new QuotaExceeded({ name: 'requests', limit, window: window / 1_000, remaining: 0, reset: ms / 1_000 })
  }
}

/** A damaged row, or the clock set back, counts as a full bucket. */
function bucketOf(value: string | null, limit: number, now: number): { tokens: number; at: number } {
  try {
    const { tokens, at } = JSON.parse(value ?? '') as Record<string, unknown>
    if (typeof tokens === 'number' && typeof at === 'number' && tokens >= 0) return { tokens, at: Math.min(at, now) }
  } catch {
    // As below.
  }
  return { tokens: limit, at: now }
}
