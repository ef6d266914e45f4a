import type { Failure } from './errors.ts'
import { type Attempt, type Change, isTerminal, type Job } from './job.ts'
import { create } from './rules.ts'

/** The job type of webhook deliveries. User job types must not use this name. */
export const deliveryType = 'uketsuke.webhook'
/** Maximum number of delivery attempts. `backoff.ts` defines the waits between them. */
export const deliveryAttempts = 10

/** A registered receiver of an owner's webhooks. */
export interface Subscriber {
  readonly id: string
  readonly url: string
  /** The events that it receives, such as `job.completed`. */
  readonly events: readonly string[]
}

/** What a delivery job delivers to: the URL of a job or a batch, or a registered endpoint. */
export interface DeliveryTarget {
  readonly url: string
  readonly endpoint?: string
  /** The batch whose end is reported. */
  readonly batch?: string
}

/** The outcome of a rule, with everything that must be stored in the same commit. `subscribers` are those of the job's owner. */
export function change(before: Job, after: Job, now: number, subscribers: readonly Subscriber[] = []): Change {
  return { before, after, spawn: deliveries(after, subscribers, now), attempt: ended(before, after, now) }
}

const none: readonly Job[] = []

/**
 * A finished job spawns one delivery job for its own webhook URL and for each subscriber of its event. The ids derive from the job and the
 * subscriber, so there is at most one for each.
 */
function deliveries(job: Job, subscribers: readonly Subscriber[], now: number): readonly Job[] {
  if (!isTerminal(job) || job.queue !== 'jobs' || (job.webhookUrl === null && subscribers.length === 0)) return none
  const own = job.webhookUrl === null ? [] : [delivery(job, `${job.id}-webhook`, { url: job.webhookUrl }, now)]
  const interested = subscribers.filter(({ events }) => events.includes(`job.${job.status}`))
  return own.concat(
    interested.map(({ id, url }) => delivery(job, `${job.id}-webhook-${id}`, { url, endpoint: id }, now)),
  )
}

function delivery(
  { id: parent, owner, retainFor, trace }: Pick<Job, 'id' | 'owner' | 'retainFor' | 'trace'>,
  id: string,
  target: DeliveryTarget,
  now: number,
): Job {
  const input = JSON.stringify(target)
  const maxAttempts = deliveryAttempts
  return create(
    { id, queue: 'deliveries', type: deliveryType, owner, input, parent, trace, maxAttempts, retainFor },
    now,
  )
}

/** The delivery that reports the end of a batch. It is stored with the jobs of the batch, and waits for their end. */
export function batchDelivery(batch: string, url: string, { owner, retainFor, trace }: Job, now: number): Job {
  return delivery({ id: batch, owner, retainFor, trace }, `${batch}-webhook`, { url, batch }, now)
}

/**
 * An attempt that ends while the job continues. It needs a row of its own because the next attempt overwrites it in the
 * job.
 */
function ended(before: Job, after: Job, now: number): Attempt | null {
  if (before.status !== 'running' || after.status !== 'pending') return null
  const released = after.attempt < before.attempt
  // It was put off, and the same attempt goes on later: a job that asks a vendor each minute would have a thousand attempts a day.
  if (released && after.runAt > now && after.lastError === before.lastError) return null
  // A release keeps the previous `lastError`, which belongs to an earlier attempt.
  const error = released && after.lastError === before.lastError ? null : after.lastError
  return attempt(before, now, released ? 'released' : (lost(error) ?? 'retrying'), error)
}

/** The attempt that ended the job. Null if the job is not terminal or ended while it was pending. */
export function lastAttempt(job: Job): Attempt | null {
  if (job.completedAt === null || job.worker === null) return null
  return attempt(
    job,
    job.completedAt,
    lost(job.error) ?? (job.status as 'completed' | 'failed' | 'cancelled'),
    job.error,
  )
}

/** The attempt that a change has ended, whether the job goes on or not. */
export const endedAttempt = ({ before, after, attempt }: Change): Attempt | null =>
  attempt ?? (before.status === 'running' ? lastAttempt(after) : null)

const lost = (error: Failure | null) => (error?.code === 'lease-lost' ? 'lease-lost' : null)

function attempt(of: Job, endedAt: number, outcome: Attempt['outcome'], error: Failure | null): Attempt {
  return {
    jobId: of.id,
    attempt: of.attempt,
    worker: of.worker ?? '',
    startedAt: of.startedAt ?? endedAt,
    endedAt,
    outcome,
    error,
  }
}
