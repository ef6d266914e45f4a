import type { Failure } from '../../domain/errors.ts'
import type { Attempt, Job } from '../../domain/job.ts'
import { failure } from '../failure.ts'
import type { Row } from './connection.ts'
import type { Parameter } from './open.ts'

export type Column = readonly [name: string, value: (job: Job) => Parameter]

/** What is known of a job from the beginning and never changes. */
const fixed: readonly Column[] = [
  ['id', (job) => job.id],
  ['queue', (job) => job.queue],
  ['type', (job) => job.type],
  ['owner', (job) => job.owner],
  ['priority', (job) => job.priority],
  ['max_attempts', (job) => job.maxAttempts],
  ['metadata', (job) => job.metadata],
  ['webhook_url', (job) => job.webhookUrl],
  ['retry_of', (job) => job.retryOf],
  ['parent', (job) => job.parent],
  ['created_at', (job) => job.createdAt],
  ['retain_for', (job) => job.retainFor],
  ['input', (job) => job.input],
]

/** What the rules change. */
export const changing: readonly Column[] = [
  ['status', (job) => job.status],
  ['version', (job) => job.version],
  ['attempt', (job) => job.attempt],
  ['progress', (job) => job.progress],
  ['progress_message', (job) => job.progressMessage],
  ['output', (job) => job.output],
  ['error', (job) => failureText(job.error)],
  ['last_error', (job) => failureText(job.lastError)],
  ['run_at', (job) => job.runAt],
  ['started_at', (job) => job.startedAt],
  ['completed_at', (job) => job.completedAt],
  ['cancel_requested_at', (job) => job.cancelRequestedAt],
  ['expires_at', (job) => job.expiresAt],
  ['worker', (job) => job.worker],
  ['lease_until', (job) => job.leaseUntil],
]

export const whole: readonly Column[] = [...fixed, ...changing]

const numbers = new Set([
  ...['max_attempts', 'created_at', 'retain_for', 'version', 'attempt', 'progress', 'run_at', 'started_at'],
  ...['completed_at', 'cancel_requested_at', 'expires_at', 'lease_until', 'ended_at'],
])

/** SQLite's engine gives up on a whole page of rows for one number that is no safe integer: it is read as the nearest that is. */
export const readable = (column: string): string =>
  numbers.has(column) ? `min(max(${column}, ${Number.MIN_SAFE_INTEGER}), ${Number.MAX_SAFE_INTEGER})` : column

export const jobColumns = whole.map(([name]) => readable(name)).join(', ')
export const attemptColumns = ['job_id', 'version', 'attempt', 'worker', 'started_at', 'ended_at', 'outcome', 'error']
  .map((name) => `${readable(name)} AS ${name}`)
  .join(', ')

/**
 * Of a row as `jobColumns` has it: by position, since an object a row costs six times as much. The table is STRICT, so that its
 * columns are of their types.
 */
export function toJob(row: readonly unknown[]): Job {
  return {
    id: row[0] as string,
    queue: row[1] as Job['queue'],
    type: row[2] as string,
    owner: row[3] as string,
    priority: row[4] as Job['priority'],
    maxAttempts: row[5] as number,
    metadata: row[6] as string | null,
    webhookUrl: row[7] as string | null,
    retryOf: row[8] as string | null,
    parent: row[9] as string | null,
    createdAt: row[10] as number,
    retainFor: row[11] as number,
    input: row[12] as string,
    status: row[13] as Job['status'],
    version: row[14] as number,
    attempt: row[15] as number,
    progress: row[16] as number,
    progressMessage: row[17] as string | null,
    output: row[18] as string | null,
    error: failure(row[19]),
    lastError: failure(row[20]),
    runAt: row[21] as number,
    startedAt: row[22] as number | null,
    completedAt: row[23] as number | null,
    cancelRequestedAt: row[24] as number | null,
    expiresAt: row[25] as number | null,
    worker: row[26] as string | null,
    leaseUntil: row[27] as number | null,
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
