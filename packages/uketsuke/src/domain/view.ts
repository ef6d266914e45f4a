import type { EventType, JobEvent, JobFields, JobFile, JobView } from '@uketsuke/client'
import { type Failure, publicFailure } from './errors.ts'
import type { Estimate } from './estimate.ts'
import { filesOf } from './file.ts'
import { isTerminal, type Job, type JobStatus } from './job.ts'

/** A view without its URLs, of any status. */
type Draft = Omit<JobFields<string, unknown>, 'statusUrl' | 'streamUrl' | 'cancelUrl'> & {
  status: JobStatus
  output?: unknown
  outputOmitted?: true
  files?: JobFile[]
  estimatedCompletionAt?: string
  estimateConfidence?: Estimate['confidence']
  error?: Failure
  lastError?: Failure
}

/** `base` is the path or URL at which clients reach the jobs API. */
export function view(job: Job, base: string, estimate: Estimate | null = null): JobView {
  const shown: Draft = {
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
  if (job.batch !== null) shown.batchId = job.batch
  if (job.output !== null) shown.output = readable(job.output)
  else if (job.status === 'completed') shown.outputOmitted = true
  if (job.files !== null) shown.files = fileViews(job, base)
  if (job.error !== null) shown.error = publicFailure(job.error)
  if (estimate !== null) {
    shown.estimatedCompletionAt = isoTime(estimate.at)
    shown.estimateConfidence = estimate.confidence
  }
  if (job.lastError !== null) shown.lastError = publicFailure(job.lastError)
  const url = `${base}/${job.id}`
  // The rules keep the members and the status in step; the types of the union say how.
  return Object.assign(shown, { statusUrl: url, streamUrl: `${url}/stream`, cancelUrl: `${url}/cancel` }) as JobView
}

const fileViews = (job: Job, base: string): JobFile[] =>
  filesOf(job).map(({ name, contentType, bytes, sha256 }) => {
    return { name, contentType, bytes, sha256, url: `${base}/${job.id}/files/${encodeURIComponent(name)}` }
  })

/** The event of a terminal job carries its completion time, so that it is identical whenever it is sent. */
export function event(job: Job, base: string, now: number, first = false, estimate: Estimate | null = null): JobEvent {
  const data = view(job, base, estimate)
  return { type: eventType(job, first), timestamp: isoTime(job.completedAt ?? now), data } as JobEvent
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
