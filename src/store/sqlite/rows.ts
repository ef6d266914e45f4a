import type { Failure } from '../../domain/errors.ts'
import type { Attempt, Job } from '../../domain/job.ts'
import type { Row } from './connection.ts'
import type { Parameter } from './open.ts'

/** What is known of a job from the beginning and never changes. */
export const fixedColumns =
  'id, queue, type, owner, priority, max_attempts, metadata, webhook_url, retry_of, parent, created_at, retain_for, input'

export const fixedValues = (job: Job): Parameter[] => [
  job.id,
  job.queue,
  job.type,
  job.owner,
  job.priority,
  job.maxAttempts,
  job.metadata,
  job.webhookUrl,
  job.retryOf,
  job.parent,
  job.createdAt,
  job.retainFor,
  job.input,
]

/** What the rules change. The lease is last, because a swap treats it apart. */
export const changingColumns =
  'status, version, attempt, progress, progress_message, output, error, last_error, run_at, started_at, completed_at, ' +
  'cancel_requested_at, expires_at, worker, lease_until'

export const changingValues = (job: Job): Parameter[] => [
  job.status,
  job.version,
  job.attempt,
  job.progress,
  job.progressMessage,
  job.output,
  failureText(job.error),
  failureText(job.lastError),
  job.runAt,
  job.startedAt,
  job.completedAt,
  job.cancelRequestedAt,
  job.expiresAt,
  job.worker,
  job.leaseUntil,
]

/** The table is STRICT and written by this file alone, so that its columns are taken at their word. */
export function toJob(row: Row): Job {
  return {
    id: row.id as string,
    queue: row.queue as Job['queue'],
    type: row.type as string,
    owner: row.owner as string,
    priority: row.priority as Job['priority'],
    status: row.status as Job['status'],
    version: row.version as number,
    attempt: row.attempt as number,
    maxAttempts: row.max_attempts as number,
    progress: row.progress as number,
    progressMessage: row.progress_message as string | null,
    input: row.input as string,
    output: row.output as string | null,
    error: failure(row.error),
    lastError: failure(row.last_error),
    metadata: row.metadata as string | null,
    webhookUrl: row.webhook_url as string | null,
    retryOf: row.retry_of as string | null,
    parent: row.parent as string | null,
    createdAt: row.created_at as number,
    runAt: row.run_at as number,
    startedAt: row.started_at as number | null,
    completedAt: row.completed_at as number | null,
    cancelRequestedAt: row.cancel_requested_at as number | null,
    retainFor: row.retain_for as number,
    expiresAt: row.expires_at as number | null,
    worker: row.worker as string | null,
    leaseUntil: row.lease_until as number | null,
  }
}

export const toAttempt = (row: Row): Attempt => ({
  jobId: row.job_id as string,
  attempt: row.attempt as number,
  worker: row.worker as string,
  startedAt: row.started_at as number,
  endedAt: row.ended_at as number,
  outcome: row.outcome as Attempt['outcome'],
  error: failure(row.error),
})

export const failureText = (value: Failure | null): string | null => (value === null ? null : JSON.stringify(value))
const failure = (text: unknown): Failure | null => (text === null ? null : (JSON.parse(text as string) as Failure))
