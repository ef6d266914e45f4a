import type { Attempt, Job } from '../../domain/job.ts'
import { jobColumns, numberColumns, omitted } from '../columns.ts'
import { failure } from '../failure.ts'
import type { Row } from './connection.ts'

const numbers = new Set([...numberColumns, 'ended_at'])

/** Clamps numbers to safe integers in SQL: the driver fails a whole result set for one integer outside that range. */
export const readable = (column: string): string => (numbers.has(column) ? inRange(column) : column)
export const inRange = (number: string): string =>
  `min(max(${number}, ${Number.MIN_SAFE_INTEGER}), ${Number.MAX_SAFE_INTEGER})`

/** In the order in which `toJob` reads them. */
export const selectedColumns = jobColumns.map(({ name }) => readable(name)).join(', ')
/** The same without what may be long. */
export const listedColumns = jobColumns.map(({ name }) => omitted[name] ?? readable(name)).join(', ')
export const attemptColumns = ['job_id', 'version', 'attempt', 'worker', 'started_at', 'ended_at', 'outcome', 'error']
  .map((name) => `${readable(name)} AS ${name}`)
  .join(', ')

/**
 * Maps a row of `selectedColumns` by position, because one object per row costs six times as much. The table is STRICT,
 * which guarantees the column types.
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
    trace: row[13] as string | null,
    limitKey: row[14] as string | null,
    batch: row[15] as string | null,
    status: row[16] as Job['status'],
    version: row[17] as number,
    attempt: row[18] as number,
    progress: row[19] as number,
    progressMessage: row[20] as string | null,
    output: row[21] as string | null,
    error: failure(row[22]),
    lastError: failure(row[23]),
    runAt: row[24] as number,
    startedAt: row[25] as number | null,
    completedAt: row[26] as number | null,
    cancelRequestedAt: row[27] as number | null,
    expiresAt: row[28] as number | null,
    worker: row[29] as string | null,
    leaseUntil: row[30] as number | null,
    rank: row[31] as number | null,
    parked: row[32] !== null,
    files: row[33] as string | null,
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
