import type { Clock } from '../base/clock.ts'
import { isPassing } from '../base/thrown.ts'
import type { Runnable } from '../definition/define.ts'
import { webhookBackoff } from '../domain/backoff.ts'
import { batchOf } from '../domain/batch.ts'
import type { DeliveryTarget } from '../domain/change.ts'
import { DeliveryError, PostponedError, UnrecoverableError } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'
import { event } from '../domain/view.ts'
import type { Store } from '../store/port.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { DeliveryLimits } from './delivery-limits.ts'
import type { Destinations } from './destinations.ts'
import type { Endpoints } from './endpoints.ts'
import type { GoneUrls } from './gone-urls.ts'
import { parentLoader } from './parent-loader.ts'
import { type Sign, signer } from './sign.ts'
import type { SendWebhook } from './webhook-client.ts'
import type { WebhookResponse } from './webhook-request.ts'

interface WebhookParts {
  store: Store
  clock: Clock
  base: string
  sign: Sign
  userAgent: string
  destinations: Destinations
  post: SendWebhook
  limits: DeliveryLimits
  /** Null if registered endpoints are not enabled in this process. */
  endpoints: Endpoints | null
  goneUrls: GoneUrls
  /** Null without tracing. */
  tracing: Tracing | null
  random: () => number
}

/** Larger outputs, in bytes of JSON, are omitted from the webhook. The receiver fetches them. */
const outputLimit = 16 << 10
const attemptMs = 30_000
const minute = 60_000

/** The handler that delivers webhooks. Workers run it like any job, with the retry schedule of Standard Webhooks. */
export function webhookDelivery(parts: WebhookParts): Runnable {
  const parentOf = parentLoader(parts.store)
  const jobOf = async ({ parent }: Job): Promise<Report> => {
    const job = await parentOf(parent ?? '')
    if (!job) throw new UnrecoverableError('The job has been deleted.', { code: 'job-not-found' })
    // A job has one terminal event, so its id identifies the webhook across retries and redeliveries.
    return { id: `msg_${job.id}`, body: (now) => bodyOf(job, parts.base, now) }
  }
  return {
    parse: (input) => JSON.parse(input),
    timeout: attemptMs,
    retryIn(attempt, thrown) {
      return webhookBackoff(attempt, thrown instanceof DeliveryError ? thrown.waitAtLeast : 0, parts.random())
    },
    async run({ input, signal }, delivery) {
      const target = input as DeliveryTarget
      const { owner } = delivery
      const reading = target.batch === undefined ? jobOf(delivery) : batchReport(parts, target.batch, delivery)
      const report = await reading.catch((error: unknown) => {
        // An outage of the store costs no attempt: the receiver was not called.
        throw isPassing(error)
          ? new PostponedError('Failed to read the job of a webhook.', retryDelay(parts), error)
          : error
      })
      const receiver = await receiverOf(parts, owner, target)
      const { url } = receiver
      // Check again: the rules may have changed since the job was accepted.
      const refused = parts.destinations.refuse(url)
      if (refused) throw new UnrecoverableError(refused, { code: 'webhook-url-forbidden' })
      const slot = await parts.limits.acquire(url.origin, owner)
      if (typeof slot === 'number') throw new PostponedError('No free slot for this receiver or owner.', slot)
      let unreachable = false
      try {
        const now = parts.clock.now()
        const body = report.body(now)
        const headers = {
          'content-type': 'application/json',
          'user-agent': parts.userAgent,
          ...receiver.sign(owner, report.id, now, body),
        }
        const post = () => parts.post(url, headers, body, signal)
        const response = await (parts.tracing === null ? post() : parts.tracing.request(delivery, url, headers, post))
        unreachable = response.status >= 500
        const answer = checkResponse(response, now)
        await receiver.attempted(true, false)
        return answer
      } catch (thrown) {
        // Only failures of the receiver count: not those of this machine, of our rules, or of a worker that stops.
        if (thrown instanceof DeliveryError) {
          unreachable ||= thrown.code === 'webhook-unreachable'
          await receiver.attempted(false, thrown.answer.status === 410)
        }
        throw thrown
      } finally {
        slot.release(!unreachable)
      }
    },
  }
}

/** What a webhook says. */
interface Report {
  /** The same in every attempt. */
  readonly id: string
  body(now: number): string
}

/** How long a delivery waits for the end of its batch: a twentieth of the time that the batch has taken, within these bounds, in milliseconds. */
const [soonest, latest] = [500, 60_000]

/** @throws {PostponedError} until all jobs of the batch have ended */
async function batchReport(
  { store, base, clock }: WebhookParts,
  id: string,
  { owner, createdAt }: Job,
): Promise<Report> {
  const batch = batchOf(id, await store.batch(owner, id), base)
  if (batch === null) throw new UnrecoverableError('The batch has been deleted.', { code: 'job-not-found' })
  const { view } = batch
  if (view.completedAt === null) {
    const wait = Math.min(latest, Math.max(soonest, (clock.now() - createdAt) / 20))
    throw new PostponedError('The batch has not ended yet.', Math.round(wait))
  }
  const event = { type: 'batch.completed', timestamp: view.completedAt, data: view }
  return { id: `msg_${id}`, body: () => JSON.stringify(event) }
}

interface Receiver {
  readonly url: URL
  readonly sign: Sign
  /** Records the outcome of an attempt. */
  attempted(succeeded: boolean, gone: boolean): Promise<void>
}

/** @throws {UnrecoverableError} if the receiver gets no more webhooks */
async function receiverOf(
  parts: WebhookParts,
  owner: string,
  { url, endpoint: id }: DeliveryTarget,
): Promise<Receiver> {
  const { endpoints, goneUrls, sign } = parts
  // The next attempt records what could not be recorded now; the webhook itself has its outcome.
  const recorded = (recording: Promise<void>) => recording.catch(() => {})
  if (id === undefined) {
    if (await goneUrls.has(owner, url)) throw new UnrecoverableError(gone, { code: 'webhook-refused' })
    const attempted = (_: boolean, isGone: boolean) => recorded(isGone ? goneUrls.add(owner, url) : done)
    return { url: new URL(url), sign, attempted }
  }
  if (endpoints === null) throw new PostponedError('This worker has no webhooks.endpoints.', unconfiguredMs)
  const endpoint = await endpoints.find(owner, id)
  if (endpoint === null || endpoint.disabled !== null) {
    const sentence = `The webhook endpoint has been ${endpoint === null ? 'deleted' : 'disabled'}.`
    throw new UnrecoverableError(sentence, { code: 'webhook-endpoint-disabled' })
  }
  return {
    url: new URL(endpoint.url),
    sign: signer({ secrets: endpoints.secretsOf(endpoint), perOwner: false }),
    attempted: (succeeded, isGone) => recorded(endpoints.attempted(endpoint, succeeded, isGone)),
  }
}

const gone = 'The webhook receiver responded with status 410 before: redeliver to try it again.'
const done = Promise.resolve()
/** How long a delivery waits for a worker with the right configuration, in milliseconds. */
const unconfiguredMs = 60_000

/** A jittered delay in milliseconds, so that postponed webhooks do not all come back at once. */
const retryDelay = ({ random }: WebhookParts) => 500 + Math.round(1_000 * random())

/** The job is terminal, so every attempt sends the same data. */
function bodyOf(job: Job, base: string, now: number): string {
  const large = Buffer.byteLength(job.output ?? '') > outputLimit
  const full = event(large ? { ...job, output: null } : job, base, now)
  return JSON.stringify(large ? { ...full, data: { ...full.data, outputOmitted: true } } : full)
}

/** 2xx is success, and 410 fails permanently. Anything else is retried, for a busy server after at least a minute. */
function checkResponse({ status, retryAfter, body, ms }: WebhookResponse, now: number) {
  const answer = { status, body, ms }
  if (status >= 200 && status < 300) return answer
  const busy = status === 429 || (status >= 502 && status <= 504)
  throw new DeliveryError('webhook-refused', `The webhook receiver responded with status ${status}.`, {
    answer,
    retryable: status !== 410,
    waitAtLeast: Math.max(busy ? minute : 0, waitOf(retryAfter, now)),
  })
}

/** The delay of `Retry-After` (seconds or a date) in milliseconds; 0 if absent or invalid. */
function waitOf(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0
  const wait = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : 0
}
