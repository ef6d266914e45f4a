import type { Job } from '../domain/job.ts'
import type { JobRow } from './wire.ts'

/** A job in a list. */
export function rowOf(job: Job): JobRow {
  const { id, type, owner, status, progress, progressMessage, attempt, maxAttempts, priority } = job
  const { createdAt, runAt, startedAt, completedAt, cancelRequestedAt, worker, leaseUntil, error } = job
  return {
    ...{ jobId: id, type, owner, status, progress, progressMessage, attempt, maxAttempts, priority },
    ...{ createdAt, runAt, startedAt, completedAt, cancelRequestedAt, worker, leaseUntil, error },
  }
}
