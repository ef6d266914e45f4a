import type { DeliveryTarget } from './change.ts'
import { type Failure, publicFailure } from './errors.ts'
import type { Attempt, Job, JobStatus } from './job.ts'
import { isoOrNull, isoTime, readable } from './view.ts'

/** One attempt that has ended. Times are ISO 8601. */
export interface AttemptView extends Omit<Attempt, 'startedAt' | 'endedAt'> {
  startedAt: string
  endedAt: string
}

/** One webhook about a job. Times are ISO 8601. */
export interface DeliveryView {
  deliveryId: string
  /** Where it goes. */
  url: string
  /** The registered endpoint that it goes to. Absent for the job's own `webhookUrl`. */
  endpointId?: string
  /** `exhausted` after the last attempt. You can send a webhook again for as long as its job is kept. */
  status: JobStatus | 'exhausted'
  attempt: number
  maxAttempts: number
  nextAttemptAt: string | null
  completedAt: string | null
  error: Failure | null
  attempts: AttemptView[]
}

/** A webhook delivery and its attempts. */
export interface Delivery {
  job: Job
  attempts: Attempt[]
}

/** Without `forOperators`, hides worker names and what was thrown. */
export function attemptView({ startedAt, endedAt, ...attempt }: Attempt, forOperators: boolean): AttemptView {
  const times = { startedAt: isoTime(startedAt), endedAt: isoTime(endedAt) }
  if (forOperators) return { ...attempt, ...times }
  return { ...attempt, worker: '', error: attempt.error && publicFailure(attempt.error), ...times }
}

export function deliveryView({ job, attempts }: Delivery, forOperators: boolean): DeliveryView {
  const { status, attempt, maxAttempts } = job
  const error = job.error ?? job.lastError
  const target = readable(job.input) as DeliveryTarget | null
  return {
    deliveryId: job.id,
    url: target?.url ?? '',
    ...(target?.endpoint !== undefined && { endpointId: target.endpoint }),
    status: status === 'failed' && attempt >= maxAttempts ? 'exhausted' : status,
    attempt,
    maxAttempts,
    nextAttemptAt: status === 'pending' ? isoOrNull(job.runAt) : null,
    completedAt: isoOrNull(job.completedAt),
    error: error && (forOperators ? error : publicFailure(error)),
    attempts: attempts.map((one) => attemptView(one, forOperators)),
  }
}
