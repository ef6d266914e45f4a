import { type Failure, publicFailure } from './errors.ts'
import { isTerminal, type Job, type JobStatus, type Priority } from './job.ts'

/** A job as clients see it: the same over HTTP, over SSE, in a webhook and from the library. Times are ISO 8601. */
export interface JobView<Type extends string = string, Output = unknown, Input = unknown> {
  jobId: string
  type: Type
  status: JobStatus
  progress: number
  progressMessage: string | null
  version: number
  attempt: number
  maxAttempts: number
  priority: Priority
  createdAt: string
  startedAt: string | null
  /** Not null exactly when the job is terminal. */
  completedAt: string | null
  runAt: string
  cancelRequestedAt: string | null
  expiresAt: string | null
  /** 1 is the next to run. Only while pending, and only where it is cheap to know. */
  queuePosition?: number
  metadata?: unknown
  webhookUrl?: string
  retryOf?: string
  /** Only where it was asked for. */
  input?: Input
  output?: Output
  error?: Failure
  lastError?: Failure
  statusUrl: string
  streamUrl: string
  cancelUrl: string
}

/** `base` is the path at which the jobs API is mounted. */
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
  // One after another, in the order in which they are written: a spread that may be of nothing costs more than all of the above.
  if (job.metadata !== null) shown.metadata = readable(job.metadata)
  if (job.webhookUrl !== null) shown.webhookUrl = job.webhookUrl
  if (job.retryOf !== null) shown.retryOf = job.retryOf
  if (job.output !== null) shown.output = readable(job.output)
  if (job.error !== null) shown.error = publicFailure(job.error)
  if (job.lastError !== null) shown.lastError = publicFailure(job.lastError)
  const url = `${base}/${job.id}`
  return Object.assign(shown, { statusUrl: url, streamUrl: `${url}/stream`, cancelUrl: `${url}/cancel` })
}

export type EventType = 'job.snapshot' | 'job.progress' | 'job.completed' | 'job.failed' | 'job.cancelled'

/** The one envelope of SSE and webhooks: the whole job at one version. */
export interface JobEvent {
  type: EventType
  timestamp: string
  data: JobView
}

/** A terminal job's event carries the time at which it ended, so that it reads the same whenever it is told. */
export function event(job: Job, base: string, now: number, first = false): JobEvent {
  return { type: eventType(job, first), timestamp: isoTime(job.completedAt ?? now), data: view(job, base) }
}

function eventType(job: Job, first: boolean): EventType {
  if (isTerminal(job)) return `job.${job.status as 'completed' | 'failed' | 'cancelled'}`
  return first ? 'job.snapshot' : 'job.progress'
}

/** A row that was damaged must not take the page it stands on along. */
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

/** Two times of a new job are the same, and so are those of all that come within its millisecond: the last one is remembered. */
export function isoTime(time: number): string {
  if (time !== lastTime) {
    // A time that was stored wrongly is shown as the nearest that RFC 3339 can say: it must not take the page it stands on along.
    lastIso = new Date(Number.isNaN(time) ? 0 : Math.min(Math.max(time, 0), lastYear)).toISOString()
    lastTime = time
  }
  return lastIso
}

export const isoOrNull = (time: number | null) => (time === null ? null : isoTime(time))
