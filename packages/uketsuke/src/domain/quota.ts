import { brand } from './brand.ts'
import { UketsukeError } from './errors.ts'

/** A rate limit for the `RateLimit` and `RateLimit-Policy` fields (draft-ietf-httpapi-ratelimit-headers). */
export interface Quota {
  /** The name of the policy. Characters that a quoted string cannot contain are removed. */
  readonly name: string
  /** The number of requests allowed in each window. */
  readonly limit: number
  /** The length of a window, in seconds. */
  readonly window: number
  /** The number of requests left in the current window. */
  readonly remaining: number
  /** The time until the quota resets, in seconds. Also sent as `Retry-After`. */
  readonly reset: number
}

/** Throw it from `authenticate` to respond with 429 and the fields `Retry-After`, `RateLimit` and `RateLimit-Policy`. */
export class QuotaExceeded extends UketsukeError {
  static {
    brand(QuotaExceeded, 'QuotaExceeded')
  }

  readonly quota: Quota

  /** `detail` is shown to the client. Default: `Too many requests.` */
  constructor(quota: Quota, detail?: string) {
    super('quota-exceeded', detail, { retryAfter: quota.reset })
    this.quota = quota
  }

  /** Sets the `RateLimit-Policy` and `RateLimit` fields. */
  describe(headers: Pick<Headers, 'set'>): void {
    const { name, limit, window, remaining, reset } = this.quota
    const item = `"${name.replace(/[^ !#-[\]-~]/g, '')}"`
    headers.set('RateLimit-Policy', `${item};q=${integer(Math.trunc(limit))};w=${integer(Math.ceil(window))}`)
    headers.set('RateLimit', `${item};r=${integer(Math.trunc(remaining))};t=${integer(Math.ceil(reset))}`)
  }
}

/** Clamps to the integers of structured fields (RFC 9651). NaN or a negative number would invalidate the whole field. */
const integer = (value: number): number => (value > 0 ? Math.min(value, 1e15 - 1) : 0)
