/**
 * Every state change of a job, once. Each rule is pure, `(job, …) → job | null`, where null means "not legal from here".
 *
 *     pending ──claim──▶ running ──succeed──▶ completed
 *        ▲  │               │ ├─────fail─────▶ failed
 *        │  └───cancel──────┼─┴──(cancelled)─▶ cancelled
 *        └─ fail · expire · release ┘
 */
import { type Failure, leaseLost } from './errors.ts'
import { isLastAttempt, isTerminal, type Job, type Lease, type NewJob } from './job.ts'

export function create(asked: NewJob, now: number): Job {
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
    error: null,
    lastError: null,
    metadata: asked.metadata ?? null,
    webhookUrl: asked.webhookUrl ?? null,
    retryOf: asked.retryOf ?? null,
    parent: asked.parent ?? null,
    createdAt: now,
    runAt: asked.runAt ?? now,
    startedAt: null,
    completedAt: null,
    cancelRequestedAt: null,
    retainFor: asked.retainFor,
    expiresAt: null,
    worker: null,
    leaseUntil: null,
  }
}

/** A worker takes a job that is due. Stores fuse this rule into their claim; the conformance suite holds them to it. */
export function claim(job: Job, now: number, by: { worker: string; leaseMs: number }): Job | null {
  if (job.status !== 'pending' || job.runAt > now) return null
  return next(job, {
    status: 'running',
    attempt: job.attempt + 1,
    progress: 0,
    progressMessage: null,
    startedAt: now,
    worker: by.worker,
    leaseUntil: now + by.leaseMs,
  })
}

/** Whether this lease still stands. A worker that has lost it may write nothing. */
export function isHeldBy(lease: Lease, job: Job): boolean {
  return job.status === 'running' && job.attempt === lease.attempt && job.worker === lease.worker
}

/** What a handler says of its progress. Without a message the last one stays. */
export interface LatestProgress {
  readonly percent: number
  readonly message: string | null
}

/** 100 is kept for completion, and a bar never goes back within an attempt. */
export function progress(job: Job, percent: number, message: string | null): Job | null {
  if (job.status !== 'running') return null
  const told = hear(job, { percent, message })
  if (told.progress === job.progress && told.progressMessage === job.progressMessage) return null
  return next(job, told)
}

function hear(job: Job, { percent, message }: LatestProgress): Pick<Job, 'progress' | 'progressMessage'> {
  const progress = Math.max(job.progress, Math.min(99, Math.floor(percent)))
  return { progress, progressMessage: message ?? job.progressMessage }
}

/** An attempt ends as `end` says, together with the last that its handler said and that is not stored yet. */
export function withLatestProgress(job: Job, said: LatestProgress | null, end: (job: Job) => Job | null): Job | null {
  return end(said === null ? job : { ...job, ...hear(job, said) })
}

/** What the handler returned is kept even where a cancel was asked for meanwhile: the work is done. */
export function succeed(job: Job, now: number, output: string): Job | null {
  if (job.status !== 'running') return null
  return end(job, now, { status: 'completed', progress: 100, output, lastError: null })
}

/** An attempt failed: another one at `retryAt` if one is left, else the end. */
export function fail(job: Job, now: number, error: Failure, retryAt: number): Job | null {
  if (job.status !== 'running') return null
  if (job.cancelRequestedAt !== null) return end(job, now, { status: 'cancelled', error: cancelled })
  if (!error.retryable || isLastAttempt(job)) {
    return end(job, now, { status: 'failed', error: { ...error, retryable: false } })
  }
  return next(job, { status: 'pending', runAt: retryAt, lastError: error, ...unheld })
}

/** The worker has not renewed its lease: it is taken for dead, and its attempt is spent. */
export function expire(job: Job, now: number): Job | null {
  if (job.status !== 'running' || job.leaseUntil === null || job.leaseUntil > now) return null
  return fail(job, now, leaseLost, now)
}

/** A worker gives a job back, to run at once or at `runAt`, since it stops or what failed is no fault of the job's; that costs no attempt. */
export function release(job: Job, now: number, runAt = now): Job | null {
  if (job.status !== 'running') return null
  if (job.cancelRequestedAt !== null) return end(job, now, { status: 'cancelled', error: cancelled })
  return next(job, { status: 'pending', attempt: job.attempt - 1, runAt, ...unheld })
}

/** How long an input may wait for a worker that can read it, from the first that could not, in milliseconds. */
export const unreadPatience = 10 * 60_000
const longestUnreadWait = 30_000

/**
 * The input does not fit the definition of the job that this worker has: another worker may have another one, as while a new version
 * is rolled out. So the job is given back without an attempt, for longer each time, until that has gone on for `unreadPatience`.
 * `why` is a sentence, `random` 0…1.
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
  const wait = Math.min(longestUnreadWait, Math.max(1_000, waited)) * (0.5 + random / 2)
  const message = `The input waits for a worker that can read it: ${why}`
  const lastError = { code: unread, message, retryable: true, since }
  return next(job, {
    status: 'pending',
    attempt: job.attempt - 1,
    runAt: now + Math.round(wait),
    lastError,
    ...unheld,
  })
}

const unread = 'input-unreadable'

/** A waiting job ends at once; a running one is asked to stop. */
export function cancel(job: Job, now: number): Job | null {
  if (job.status === 'pending') return end(job, now, { status: 'cancelled', error: cancelled })
  if (job.status !== 'running' || job.cancelRequestedAt !== null) return null
  return next(job, { cancelRequestedAt: now })
}

/** A new job from one that has ended, with the same input. */
export function retry(job: Job, id: string): NewJob | null {
  if (!isTerminal(job)) return null
  const { queue, type, owner, input, priority, maxAttempts, metadata, webhookUrl, parent, retainFor } = job
  const again = { queue, type, owner, input, priority, maxAttempts, metadata, webhookUrl, parent, retainFor }
  return { ...again, id, retryOf: job.id }
}

const unheld = { worker: null, leaseUntil: null }
const cancelled: Failure = { code: 'cancelled', message: 'The job was cancelled.', retryable: false }

function next(job: Job, change: Partial<Job>): Job {
  return { ...job, ...change, version: job.version + 1 }
}

/** In two steps, since a spread of a spread costs forty times as much. */
function end(job: Job, now: number, outcome: Partial<Job>): Job {
  return {
    ...next(job, outcome),
    completedAt: now,
    expiresAt: Math.min(now + job.retainFor, Number.MAX_SAFE_INTEGER),
    leaseUntil: null,
  }
}
