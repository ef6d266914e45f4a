import type { Clock } from '../base/clock.ts'
import { isPassing } from '../base/thrown.ts'
import type { Runnable } from '../definition/define.ts'
import { webhookBackoff } from '../domain/backoff.ts'
import { DeliveryError, PostponedError, UnrecoverableError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { event } from '../domain/view.ts'
import type { Store } from '../store/port.ts'
import type { DeliveryLimits } from './delivery-limits.ts'
import type { Destinations } from './destinations.ts'
import { parentLoader } from './parent-loader.ts'
import { signer } from './sign.ts'
import type { SendWebhook } from './webhook-client.ts'
import type { WebhookResponse } from './webhook-request.ts'

interface WebhookParts {
  store: Store
  clock: Clock
  base: string
  secrets: readonly string[]
  userAgent: string
  destinations: Destinations
  post: SendWebhook
  limits: DeliveryLimits
  random: () => number
}

/** Above this many bytes of JSON a job's output is left out; the receiver fetches it. */
const outputLimit = 16 << 10
const attemptMs = 30_000
const minute = 60_000

/** Delivering a webhook, as workers run it: a job like any other, with the schedule and the manners of Standard Webhooks. */
export function webhookDelivery(parts: WebhookParts): Runnable {
  const parentOf = parentLoader(parts.store)
  const sign = signer(parts.secrets)
  return {
    parse: (input) => JSON.parse(input),
    timeout: attemptMs,
    retryIn(attempt, thrown) {
      return webhookBackoff(attempt, thrown instanceof DeliveryError ? thrown.waitAtLeast : 0, parts.random())
    },
    async run({ signal }, delivery) {
      const job = await parentOf(delivery.parent ?? '').catch((error: unknown) => {
        // The receiver was not even called: an outage on this side costs no attempt.
        throw isPassing(error)
          ? new PostponedError('The job of a webhook could not be read.', soon(parts), error)
          : error
      })
      if (!job?.webhookUrl) throw new UnrecoverableError('The job has been deleted.', { code: 'job-not-found' })
      // Looked at again: what was allowed at the time of the request may not be now.
      const url = new URL(job.webhookUrl)
      const refused = parts.destinations.refuse(url)
      if (refused) throw new UnrecoverableError(refused, { code: 'webhook-url-forbidden' })
      const slot = await parts.limits.acquire(url.origin, job.owner)
      if (typeof slot === 'number') throw new PostponedError('The receiver or its owner has no free slot.', slot)
      let reached = false
      try {
        const now = parts.clock.now()
        const body = bodyOf(job, parts.base, now)
        // A job has one terminal event, so its id identifies the webhook over retries and redeliveries.
        const headers = {
          'content-type': 'application/json',
          'user-agent': parts.userAgent,
          ...sign(`msg_${job.id}`, now, body),
        }
        const response = await parts.post(url, headers, body, signal)
        reached = response.status < 500
        return judge(response, now)
      } finally {
        slot.release(reached)
      }
    },
  }
}

/** So that those who had to wait do not all come back at once. Milliseconds. */
const soon = ({ random }: WebhookParts) => 500 + Math.round(1_000 * random())

/** The job is terminal, so this is the same text however often it is sent. */
function bodyOf(job: Job, base: string, now: number): string {
  const large = Buffer.byteLength(job.output ?? '') > outputLimit
  const told = event(large ? { ...job, output: null } : job, base, now)
  return JSON.stringify(large ? { ...told, data: { ...told.data, outputOmitted: true } } : told)
}

/** 2xx is success; 410 means never again; the rest is tried again, busy servers after a minute at least. */
function judge({ status, retryAfter, body, ms }: WebhookResponse, now: number) {
  const answer = { status, body, ms }
  if (status >= 200 && status < 300) return answer
  const busy = status === 429 || (status >= 502 && status <= 504)
  throw new DeliveryError('webhook-refused', `The receiver answered ${status}.`, {
    answer,
    retryable: status !== 410,
    waitAtLeast: Math.max(busy ? minute : 0, waitOf(retryAfter, now)),
  })
}

/** Retry-After, in seconds or as a date, as milliseconds from now; 0 where it is absent or means nothing. */
function waitOf(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : 0
}
