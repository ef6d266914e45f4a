import type { Failure } from './errors.ts'
import { type Attempt, type Change, isTerminal, type Job } from './job.ts'
import { create } from './rules.ts'

/** The type of the jobs that deliver webhooks; no user's type may have this name. */
export const deliveryType = 'uketsuke.webhook'
/** How often a delivery is tried; `backoff.ts` has the waits between. */
export const deliveryAttempts = 10

/** A rule's outcome, together with what must be stored in the same commit. */
export function change(before: Job, after: Job, now: number): Change {
  return { before, after, spawn: delivery(after, now), attempt: ended(before, after, now) }
}

/** A job that ends and has a webhook causes one delivery, which is a job itself. Its id follows from the job's: never two. */
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

/** An attempt that ends while the job goes on: the next one would be written over it. */
function ended(before: Job, after: Job, now: number): Attempt | null {
  if (before.status !== 'running' || after.status !== 'pending') return null
  const released = after.attempt < before.attempt
  // Released with a reason of its own, or as it came.
  const error = released && after.lastError === before.lastError ? null : after.lastError
  return attempt(before, now, released ? 'released' : (lost(error) ?? 'retrying'), error)
}

/** The attempt with which a job ended; null where it goes on, or ended while it waited. */
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
