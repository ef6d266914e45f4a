/**
 * All state changes of a job. Each rule is a pure function `(job, …) → job | null`; null means that the change is not
 * legal in this state.
 *
 *     pending ──claim──▶ running ──succeed──▶ completed
 *        ▲  │               │ ├─────fail─────▶ failed
 *        │  └───cancel──────┼─┴──(cancelled)─▶ cancelled
 *        └─ fail · expire · release ┘
 */
import { type Failure, leaseLost } from './errors.ts'
import { isLastAttempt, isTerminal, type Job, type Lease, type NewJob, rankAt } from './job.ts'

/** `rank` and `batch` are apart from the rest: a copy with them would cost as much as all else. */
export function create(asked: NewJob, now: number, rank = asked.rank, batch = asked.batch): Job {
  return {
    id: asked.id,
    queue: asked.queue ?? 'jobs',
    type: asked.type,
    owner: asked.owner,
    priority: asked.priority ?? 'normal',
    status: 'pending',
    version: 1,
    attempt: 0,
    maxAttempts: asked.maxAttempts,
    progress: 0,
    progressMessage: null,
    input: asked.input,
    output: null,
    files: null,
    error: null,
    lastError: null,
    metadata: asked.metadata ?? null,
    webhookUrl: asked.webhookUrl ?? null,
    retryOf: asked.retryOf ?? null,
    parent: asked.parent ?? null,
    trace: asked.trace ?? null,
    createdAt: now,
    runAt: asked.runAt ?? now,
    rank: rank ?? rankAt(asked.runAt ?? now),
    limitKey: asked.limitKey ?? null,
    parked: asked.limitKey != null,
    batch: batch ?? null,
    startedAt: null,
    completedAt: null,
    cancelRequestedAt: null,
    retainFor: asked.retainFor,
    expiresAt: null,
    worker: null,
    leaseUntil: null,
  }
}

/** A worker claims a due job. Stores implement this rule in their claim query; the conformance suite verifies it. */
export function claim(job: Job, now: number, by: { worker: string; leaseMs: number }): Job | null {
  if (job.status !== 'pending' || job.parked || job.rank === null || job.rank > rankAt(now)) return null
  return next(job, {
    status: 'running',
    rank: null,
    attempt: job.attempt + 1,
    progress: 0,
    progressMessage: null,
    startedAt: now,
    worker: by.worker,
    leaseUntil: now + by.leaseMs,
  })
}

/** Whether the lease is still valid. A worker that has lost its lease must not write. */
export function isHeldBy(lease: Lease, job: Job): boolean {
  return job.status === 'running' && job.attempt === lease.attempt && job.worker === lease.worker
}

/** Progress reported by a handler. A null message keeps the previous one. */
export interface LatestProgress {
  readonly percent: number
  readonly message: string | null
}

/** Progress never decreases within an attempt, and 100 is reserved for completion. */
export function progress(job: Job, percent: number, message: string | null): Job | null {
  if (job.status !== 'running') return null
  const updated = merged(job, { percent, message })
  if (updated.progress === job.progress && updated.progressMessage === job.progressMessage) return null
  return next(job, updated)
}

function merged(job: Job, { percent, message }: LatestProgress): Pick<Job, 'progress' | 'progressMessage'> {
  const progress = Math.max(job.progress, Math.min(99, Math.floor(percent)))
  return { progress, progressMessage: message ?? job.progressMessage }
}

/** Ends an attempt with the rule `end`, and stores the latest progress, if not stored yet, in the same version. */
export function withLatestProgress(job: Job, latest: LatestProgress | null, end: (job: Job) => Job | null): Job | null {
  return end(latest === null ? job : { ...job, ...merged(job, latest) })
}

/** The job completes even if a cancellation was requested meanwhile: the work is done, so its output is kept. */
export function succeed(job: Job, now: number, output: string, files: string | null = null): Job | null {
  if (job.status !== 'running') return null
  return end(job, now, { status: 'completed', progress: 100, output, files, lastError: null })
}

/** An attempt failed. The job is retried at `retryAt` if attempts remain, else it fails. */
export function fail(job: Job, now: number, error: Failure, retryAt: number): Job | null {
  if (job.status !== 'running') return null
  if (job.cancelRequestedAt !== null) return end(job, now, { status: 'cancelled', error: cancelled })
  if (!error.retryable || isLastAttempt(job)) {
    return end(job, now, { status: 'failed', error: { ...error, retryable: false } })
  }
  return wait(job, retryAt, { lastError: error })
}

/** The worker did not renew its lease. It is considered dead, and the attempt counts as used. */
export function expire(job: Job, now: number): Job | null {
  if (job.status !== 'running' || job.leaseUntil === null || job.leaseUntil > now) return null
  return fail(job, now, leaseLost, now)
}

/**
 * A worker returns a job unfinished, to run again at `runAt`: the worker is stopping, or the failure was not the job's
 * fault. Releasing does not use up the attempt.
 */
export function release(job: Job, now: number, runAt = now): Job | null {
  if (job.status !== 'running') return null
  if (job.cancelRequestedAt !== null) return end(job, now, { status: 'cancelled', error: cancelled })
  return wait(job, runAt, { attempt: job.attempt - 1 })
}

/** A handler gives its job back, to run again later. That costs no attempt. A null message keeps the previous one. */
export function snooze(job: Job, now: number, runAt: number, message: string | null): Job | null {
  return release(message === null ? job : { ...job, progressMessage: message }, now, runAt)
}

/**
 * How long an input may wait for a worker that can read it, counted from the first failure to read it, in milliseconds.
 */
export const unreadPatience = 10 * 60_000
const longestUnreadWait = 30_000

/**
 * The input does not match this worker's definition of the job type. Another worker may have a different definition,
 * for example during a rolling deploy. The job is therefore released without using up the attempt, with increasing
 * waits, and fails after `unreadPatience`. `why` is a sentence; `random` is 0…1.
 */
export function giveBackUnreadable(job: Job, now: number, why: string, random: number): Job | null {
  if (job.status !== 'running') return null
  if (job.cancelRequestedAt !== null) return release(job, now)
  const since = job.lastError?.code === unread ? (job.lastError.since ?? now) : now
  const waited = now - since
  if (waited >= unreadPatience) {
    const message = `No worker could read the input within ${unreadPatience / 60_000} minutes: ${why}`
    return fail(job, now, { code: unread, message, retryable: false }, now)
  }
  const pause = Math.min(longestUnreadWait, Math.max(1_000, waited)) * (0.5 + random / 2)
  const message = `Waiting for a worker that can read the input: ${why}`
  const lastError = { code: unread, message, retryable: true, since }
  return wait(job, now + Math.round(pause), { attempt: job.attempt - 1, lastError })
}

const unread = 'input-unreadable'

/** Cancels a pending job immediately; requests cancellation of a running one. */
export function cancel(job: Job, now: number): Job | null {
  if (job.status === 'pending') return end(job, now, { status: 'cancelled', error: cancelled })
  if (job.status !== 'running' || job.cancelRequestedAt !== null) return null
  return next(job, { cancelRequestedAt: now })
}

/** How long a job waits for further requests with its unique key, in milliseconds. */
export interface Debounce {
  /** From the last request to the run. */
  readonly wait: number
  /** From the first request to the run at most. */
  readonly max: number
}

/** When a debounced job runs, if no further request follows. */
export const debouncedUntil = (createdAt: number, now: number, { wait, max }: Debounce): number =>
  Math.min(now + wait, createdAt + max)

/** A further request replaces the input of a pending job and puts it off. A job that waits for its next attempt keeps its time. */
export function debounce(job: Job, input: string, now: number, by: Debounce): Job | null {
  if (job.status !== 'pending') return null
  if (job.attempt > 0) return next(job, { input, ...stillWaiting(job) })
  const runAt = debouncedUntil(job.createdAt, now, by)
  return next(job, { input, ...place(job, runAt) })
}

/** Something beside the row of an unfinished job has changed, such as a question that its handler asks: those who follow it look again. */
export const touch = (job: Job): Job | null => (isTerminal(job) ? null : next(job, stillWaiting(job)))

/** A new job with the same input as a terminal one. */
export function retry(job: Job, id: string): NewJob | null {
  if (!isTerminal(job)) return null
  const { queue, type, owner, input, priority, maxAttempts, metadata, webhookUrl, parent, retainFor } = job
  const again = { queue, type, owner, input, priority, maxAttempts, metadata, webhookUrl, parent, retainFor }
  return { ...again, id, retryOf: job.id }
}

/** Back to pending. The place within the limits of its key is free again. */
function wait(job: Job, runAt: number, change: Partial<Job>): Job {
  return next(job, { status: 'pending', worker: null, leaseUntil: null, ...place(job, runAt), ...change })
}

/** Only an admission makes a job ready, and it changes no version: whatever else changes a waiting job parks it again. */
const stillWaiting = ({ status, limitKey }: Job) => (status === 'pending' ? { parked: limitKey !== null } : {})
const place = ({ limitKey }: Job, runAt: number) => ({ runAt, rank: rankAt(runAt), parked: limitKey !== null })
const cancelled: Failure = { code: 'cancelled', message: 'The job was cancelled.', retryable: false }

function next(job: Job, change: Partial<Job>): Job {
  return { ...job, ...change, version: job.version + 1 }
}

/** Completes the copy that `next` made: a second copy of all members would be most of the cost. */
function end(job: Job, now: number, outcome: Partial<Job>): Job {
  const expiresAt = Math.min(now + job.retainFor, Number.MAX_SAFE_INTEGER)
  return Object.assign(next(job, outcome), { completedAt: now, expiresAt, leaseUntil: null, rank: null, parked: false })
}
