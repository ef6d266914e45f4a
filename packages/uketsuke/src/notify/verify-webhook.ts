import { timingSafeEqual } from 'node:crypto'
import type { JobEvent, JobSummary, JobView } from '@uketsuke/client'
import { assertConfiguration } from '../base/assert.ts'
import { keysOf } from './secret.ts'
import { mac } from './sign.ts'

export type { EventType, JobEvent, JobSummary, JobView } from '@uketsuke/client'

/** The event in a webhook: the end of a job. */
export type WebhookEvent = JobEvent<JobView | JobSummary, 'job.completed' | 'job.failed' | 'job.cancelled'>

/** The headers of a request: `Headers`, or those of Node.js and Express. */
export type WebhookHeaders = Pick<Headers, 'get'> | Readonly<Record<string, string | readonly string[] | undefined>>

export interface VerifyOptions {
  /** The allowed age of a webhook, and how far its clock may be ahead, in milliseconds. Default: five minutes. */
  tolerance?: number
  /** The current time in milliseconds since the epoch. Default: `Date.now()`. */
  now?: number
}

const toleranceMs = 5 * 60_000

/**
 * Verifies a webhook in a receiver. Returns its event, or null unless one of the secrets signed the body and the timestamp is recent:
 * then respond with 401. Compares in constant time. Deduplicate by the header `webhook-id` as well: delivery is at-least-once.
 * @param rawBody the request body as received, before any parsing
 * @param secret one or more secrets: `whsec_` followed by the base64 of 24 to 64 bytes
 * @throws {UketsukeError} `invalid-configuration` for an invalid secret, or a body that has been parsed
 */
export function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  { tolerance = toleranceMs, now = Date.now() }: VerifyOptions = {},
): WebhookEvent | null {
  const keys = keysOf(secret)
  assertConfiguration(
    typeof rawBody === 'string' || rawBody instanceof Uint8Array,
    'verifyWebhook(): rawBody must be the request body as a string or bytes, before any parsing',
  )
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    field(headers, name),
  ) as [string, string, string]
  // Written so that a `now` or `tolerance` that is not a number fails.
  const isFresh = Math.abs(now - Number(timestamp) * 1_000) <= tolerance
  // A dot in the id would let one signed text be split in two ways.
  if (!/^\d{1,12}$/.test(timestamp) || !isFresh || id === '' || id.includes('.')) return null
  const signatures = signature.split(' ').map((text) => Buffer.from(text))
  const isSigned = keys.some((key) => {
    const expected = Buffer.from(`v1,${mac(key, id, timestamp, rawBody)}`)
    return signatures.some((one) => one.length === expected.length && timingSafeEqual(one, expected))
  })
  return isSigned ? eventOf(rawBody) : null
}

function field(headers: WebhookHeaders, name: string): string {
  const value = typeof headers.get === 'function' ? headers.get(name) : (headers as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : ''
}

function eventOf(body: string | Uint8Array): WebhookEvent | null {
  try {
    const event: unknown = JSON.parse(Buffer.from(body).toString('utf8'))
    return typeof event === 'object' ? (event as WebhookEvent | null) : null
  } catch {
    return null
  }
}
