import { type Failure, publicFailure } from './errors.ts'
import { isTerminal, type Job, type JobStatus, type Priority } from './job.ts'

/**
 * A job as clients see it: identical over HTTP, over SSE, in webhooks and from the library. Times are ISO 8601 in UTC.
 */
export interface JobView<Type extends string = string, Output = unknown, Input = unknown> {
  /** A ULID: sortable by creation time. */
  jobId: string
  type: Type
  status: JobStatus
  /** 0…100; 100 exactly when completed. Never decreases within an attempt. */
  progress: number
  /** The handler's latest progress message, or null if there is none. */
  progressMessage: string | null
  /** Incremented by every committed change; also the ETag of the status and the SSE event id. */
  version: number
  /** Number of the current or last attempt; 0 before the first. */
  attempt: number
  maxAttempts: number
  priority: Priority
  createdAt: string
  /** When the current or last attempt started. */
  startedAt: string | null
  /** Not null exactly when the job is terminal. */
  completedAt: string | null
  /** The earliest time at which the job, or its next attempt, runs. */
  runAt: string
  /** When cancellation of the running job was requested. */
  cancelRequestedAt: string | null
  /** When the job may be removed; null until it is terminal. */
  expiresAt: string | null
  /** Position among the due jobs; 1 runs next. Only while pending, and only if the store can determine it cheaply. */
  queuePosition?: number
  /** The caller's own metadata, if any was given. */
  metadata?: unknown
  webhookUrl?: string
  /** The id of the job that this one retries. */
  retryOf?: string
  /** Only if requested with `include`. */
  input?: Input
  /** The handler's return value; completed jobs only. */
  output?: Output
  /** Set if the job has an output that is left out here: in lists, in webhooks above 16 KiB, and without the scope `jobs:read`. */
  outputOmitted?: true
  /** Why the job ended; failed and cancelled jobs only. */
  error?: Failure
  /** Why the previous attempt failed, while the job is pending or running. */
  lastError?: Failure
  statusUrl: string
  streamUrl: string
  cancelUrl: string
}

/** `base` is the path or URL at which clients reach the jobs API. */
export function view(job: Job, base: string): JobView {
  const shown: Omit<JobView, 'statusUrl' | 'streamUrl' | 'cancelUrl'> = {
    jobId: job.id,
    type: job.type,
    status: job.status,
    progress: job.progress,
    progressMessage: job.progressMessage,
    version: job.version,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    priority: job.priority,
    createdAt: isoTime(job.createdAt),
    startedAt: isoOrNull(job.startedAt),
    completedAt: isoOrNull(job.completedAt),
    runAt: isoTime(job.runAt),
    cancelRequestedAt: isoOrNull(job.cancelRequestedAt),
    expiresAt: isoOrNull(job.expiresAt),
  }
  // Assigned one by one, in the order in which they are serialized: conditional spreads cost more than everything
  // above.
  if (job.metadata !== null) shown.metadata = readable(job.metadata)
  if (job.webhookUrl !== null) shown.webhookUrl = job.webhookUrl
  if (job.retryOf !== null) shown.retryOf = job.retryOf
  if (job.output !== null) shown.output = readable(job.output)
  else if (job.status === 'completed') shown.outputOmitted = true
  if (job.error !== null) shown.error = publicFailure(job.error)
  if (job.lastError !== null) shown.lastError = publicFailure(job.lastError)
  const url = `${base}/${job.id}`
  return Object.assign(shown, { statusUrl: url, streamUrl: `${url}/stream`, cancelUrl: `${url}/cancel` })
}

/** `job.snapshot` and `job.progress` occur over SSE only; `job.progress` stands for every non-terminal change. */
export type EventType = 'job.snapshot' | 'job.progress' | 'job.completed' | 'job.failed' | 'job.cancelled'

/** The envelope of SSE events and webhooks: the complete job at one version. */
export interface JobEvent {
  type: EventType
  /** ISO 8601: when the job finished, or for a non-terminal job when the event was built. */
  timestamp: string
  data: JobView
}

/** The event of a terminal job carries its completion time, so that it is identical whenever it is sent. */
export function event(job: Job, base: string, now: number, first = false): JobEvent {
  return { type: eventType(job, first), timestamp: isoTime(job.completedAt ?? now), data: view(job, base) }
}

function eventType(job: Job, first: boolean): EventType {
  if (isTerminal(job)) return `job.${job.status as 'completed' | 'failed' | 'cancelled'}`
  return first ? 'job.snapshot' : 'job.progress'
}

/** Parses stored JSON; null if it is damaged. One damaged row must not fail a whole page. */
export function readable(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const lastYear = Date.UTC(9_999, 11, 31, 23, 59, 59, 999)

let lastTime = Number.NaN
let lastIso = ''

/**
 * Caches the last result: two times of a new job are equal, and so are those of all jobs created in the same
 * millisecond.
 */
export function isoTime(time: number): string {
  if (time !== lastTime) {
    // An out-of-range stored time is clamped to what RFC 3339 can express: one damaged row must not fail a whole page.
    lastIso = new Date(Number.isNaN(time) ? 0 : Math.min(Math.max(time, 0), lastYear)).toISOString()
    lastTime = time
  }
  return lastIso
}

export const isoOrNull = (time: number | null) => (time === null ? null : isoTime(time))
