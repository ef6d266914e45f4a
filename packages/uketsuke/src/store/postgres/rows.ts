import type { Failure } from '../../domain/errors.ts'
import type { Attempt, Job } from '../../domain/job.ts'
import { failure } from '../failure.ts'

export type Row = Record<string, unknown>
export type Value = string | number | null
type Column<T> = readonly [name: string, type: 'text' | 'int' | 'bigint', value: (of: T) => Value]

/** What is known of a job from the beginning and never changes. */
const fixed: readonly Column<Job>[] = [
  ['queue', 'text', (job) => job.queue],
  ['type', 'text', (job) => job.type],
  ['owner', 'text', (job) => job.owner],
  ['priority', 'text', (job) => job.priority],
  ['max_attempts', 'int', (job) => job.maxAttempts],
  ['metadata', 'text', (job) => job.metadata],
  ['webhook_url', 'text', (job) => job.webhookUrl],
  ['retry_of', 'text', (job) => job.retryOf],
  ['parent', 'text', (job) => job.parent],
  ['created_at', 'bigint', (job) => job.createdAt],
  ['retain_for', 'bigint', (job) => job.retainFor],
  ['input', 'text', (job) => job.input],
]

const id: Column<Job> = ['id', 'text', (job) => job.id]

/** What the rules change. */
export const changing: readonly Column<Job>[] = [
  id,
  ['status', 'text', (job) => job.status],
  ['version', 'int', (job) => job.version],
  ['attempt', 'int', (job) => job.attempt],
  ['progress', 'int', (job) => job.progress],
  ['progress_message', 'text', (job) => job.progressMessage],
  ['output', 'text', (job) => job.output],
  ['error', 'text', (job) => failureText(job.error)],
  ['last_error', 'text', (job) => failureText(job.lastError)],
  ['run_at', 'bigint', (job) => job.runAt],
  ['started_at', 'bigint', (job) => job.startedAt],
  ['completed_at', 'bigint', (job) => job.completedAt],
  ['cancel_requested_at', 'bigint', (job) => job.cancelRequestedAt],
  ['expires_at', 'bigint', (job) => job.expiresAt],
  ['worker', 'text', (job) => job.worker],
  ['lease_until', 'bigint', (job) => job.leaseUntil],
]

export const whole: readonly Column<Job>[] = [...changing, ...fixed]

/** Beside the job and the version that the end gave it. */
export const ended: readonly Column<Attempt>[] = [
  ['attempt', 'int', (one) => one.attempt],
  ['worker', 'text', (one) => one.worker],
  ['started_at', 'bigint', (one) => one.startedAt],
  ['ended_at', 'bigint', (one) => one.endedAt],
  ['outcome', 'text', (one) => one.outcome],
  ['error', 'text', (one) => failureText(one.error)],
]

export const names = (columns: readonly Column<never>[]): string => columns.map(([name]) => name).join(', ')

/**
 * Numbers may come as text, depending on whose connection read them. An error that is no JSON is told as `corrupt`, so that one
 * damaged row fails alone and not the batch it came in.
 */
export function toJob(row: Row): Job {
  return {
    id: row.id as string,
    queue: row.queue as Job['queue'],
    type: row.type as string,
    owner: row.owner as string,
    priority: row.priority as Job['priority'],
    status: row.status as Job['status'],
    version: Number(row.version),
    attempt: Number(row.attempt),
    maxAttempts: Number(row.max_attempts),
    progress: Number(row.progress),
    progressMessage: row.progress_message as string | null,
    input: row.input as string,
    output: row.output as string | null,
    error: failure(row.error),
    lastError: failure(row.last_error),
    metadata: row.metadata as string | null,
    webhookUrl: row.webhook_url as string | null,
    retryOf: row.retry_of as string | null,
    parent: row.parent as string | null,
    createdAt: Number(row.created_at),
    runAt: Number(row.run_at),
    startedAt: time(row.started_at),
    completedAt: time(row.completed_at),
    cancelRequestedAt: time(row.cancel_requested_at),
    retainFor: Number(row.retain_for),
    expiresAt: time(row.expires_at),
    worker: row.worker as string | null,
    leaseUntil: time(row.lease_until),
  }
}

export const toAttempt = (row: Row): Attempt => ({
  jobId: row.job_id as string,
  attempt: Number(row.attempt),
  worker: row.worker as string,
  startedAt: Number(row.started_at),
  endedAt: Number(row.ended_at),
  outcome: row.outcome as Attempt['outcome'],
  error: failure(row.error),
})

/** Says of a row what the index `jobs_running` says. */
export const running = 'worker IS NOT NULL AND completed_at IS NULL'

const time = (value: unknown): number | null => (value === null ? null : Number(value))
const failureText = (value: Failure | null): string | null => (value === null ? null : JSON.stringify(value))
