import type { Failure } from './errors.ts'
import { type Attempt, type Change, isTerminal, type Job } from './job.ts'
import { create } from './rules.ts'

/** The job type of webhook deliveries. User job types must not use this name. */
export const deliveryType = 'uketsuke.webhook'
/** Maximum number of delivery attempts. `backoff.ts` defines the waits between them. */
export const deliveryAttempts = 10

/** The outcome of a rule, with everything that must be stored in the same commit. */
export function change(before: Job, after: Job, now: number): Change {
  return { before, after, spawn: delivery(after, now), attempt: ended(before, after, now) }
}

/**
 * A job with a webhook spawns one delivery job when it finishes. The delivery id derives from the job id, so there is
 * at most one.
 */
function delivery(job: Job, now: number): Job | null {
  if (!isTerminal(job) || job.webhookUrl === null || job.queue !== 'jobs') return null
  const { id, owner, webhookUrl, retainFor } = job
  return create(
    {
      id: `${id}-webhook`,
      queue: 'deliveries',
      type: deliveryType,
      owner,
      input: JSON.stringify({ url: webhookUrl }),
      parent: id,
      maxAttempts: deliveryAttempts,
      retainFor,
    },
    now,
  )
}

/**
 * An attempt that ends while the job continues. It needs a row of its own because the next attempt overwrites it in the
 * job.
 */
function ended(before: Job, after: Job, now: number): Attempt | null {
  if (before.status !== 'running' || after.status !== 'pending') return null
  const released = after.attempt < before.attempt
  // A plain release keeps the previous `lastError`, which belongs to an earlier attempt.
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
