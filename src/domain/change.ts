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

/** Leaving `running` ends an attempt. */
function ended(before: Job, after: Job, now: number): Attempt | null {
  if (before.status !== 'running' || after.status === 'running') return null
  return {
    jobId: before.id,
    attempt: before.attempt,
    worker: before.worker ?? '',
    startedAt: before.startedAt ?? now,
    endedAt: now,
    outcome: outcome(before, after),
    error: after.error ?? (after.status === 'pending' && after.attempt === before.attempt ? after.lastError : null),
  }
}

function outcome(before: Job, after: Job): Attempt['outcome'] {
  const reason = after.error ?? after.lastError
  if (after.attempt < before.attempt) return 'released'
  if (after.status !== 'completed' && reason?.code === 'lease-lost') return 'lease-lost'
  if (after.status === 'pending') return 'retrying'
  return after.status as 'completed' | 'failed' | 'cancelled'
}
