import { UketsukeError } from '../domain/errors.ts'

/** One limit as the RateLimit header fields tell it (draft-ietf-httpapi-ratelimit-headers). Times in seconds. */
export interface Quota {
  readonly name: string
  /** Requests allowed in each window. */
  readonly limit: number
  readonly window: number
  readonly remaining: number
  /** Until the quota is whole again. */
  readonly reset: number
}

/** What `authenticate` may throw: a 429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`. */
export class QuotaExceeded extends UketsukeError {
  readonly quota: Quota

  constructor(quota: Quota, detail?: string) {
    super('quota-exceeded', detail, { retryAfter: quota.reset })
    this.quota = quota
  }

  describe(headers: Pick<Headers, 'set'>): void {
    const { name, limit, window, remaining, reset } = this.quota
    const item = `"${name.replace(/[^ !#-[\]-~]/g, '')}"`
    headers.set('RateLimit-Policy', `${item};q=${integer(Math.trunc(limit))};w=${integer(Math.ceil(window))}`)
    headers.set('RateLimit', `${item};r=${integer(Math.trunc(remaining))};t=${integer(Math.ceil(reset))}`)
  }
}

/** What a structured field can say: a number that is none would spoil the whole field. */
const integer = (value: number): number => (value > 0 ? Math.min(value, 1e15 - 1) : 0)
