import type { Attempt, Job } from '../../domain/job.ts'
import { type Column, failureText, fixedColumns, jobColumns, type Value } from '../columns.ts'
import { failure } from '../failure.ts'

export type Row = Record<string, unknown>
export type { Value }

/** A column of a statement that takes arrays, one element for each row. */
export type ArrayColumn<T> = readonly [name: string, type: Column['type'], value: (of: T) => Value]

const array = ({ name, type, value }: Column): ArrayColumn<Job> => [name, type, value]

const column = new Map(jobColumns.map((one) => [one.name, array(one)]))
/** Columns of jobs by their names, with a space between them. */
export const columnsOf = (names: string): ArrayColumn<Job>[] =>
  names.split(' ').map((name) => column.get(name) as ArrayColumn<Job>)

/** The columns of a new job: what was asked. The rest has the same value in every new job. */
export const asked = [...fixedColumns.map(array), ...columnsOf('run_at rank')]

/** The columns of an attempt, in addition to the job id and the version of the change that ended it. */
export const ended: readonly ArrayColumn<Attempt>[] = [
  ['attempt', 'int', (one) => one.attempt],
  ['worker', 'text', (one) => one.worker],
  ['started_at', 'bigint', (one) => one.startedAt],
  ['ended_at', 'bigint', (one) => one.endedAt],
  ['outcome', 'text', (one) => one.outcome],
  ['error', 'text', (one) => failureText(one.error)],
]

export const names = (columns: readonly ArrayColumn<never>[]): string => columns.map(([name]) => name).join(', ')

/**
 * Maps a row to a job. Depending on the connection, numbers may arrive as text. An error that is not valid JSON becomes
 * `corrupt`, so that a damaged row does not fail its whole batch.
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
    files: row.files as string | null,
    error: failure(row.error),
    lastError: failure(row.last_error),
    metadata: row.metadata as string | null,
    webhookUrl: row.webhook_url as string | null,
    retryOf: row.retry_of as string | null,
    parent: row.parent as string | null,
    trace: row.trace as string | null,
    limitKey: row.limit_key as string | null,
    batch: row.batch as string | null,
    createdAt: Number(row.created_at),
    runAt: Number(row.run_at),
    rank: time(row.rank),
    parked: row.parked !== null,
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

/**
 * The condition that joins the ids of `running` to those of a batch. With `=`, the planner may order the rows for a merge join, by a scan of
 * the index with all its dead entries; `ANY` leaves it look-ups only. No look-up of places before the change: a renewal moves the row, and
 * a statement that waited for it would not find it there.
 */
export const sameId = (one: string, other: string) => `${one} = ANY(ARRAY[${other}])`

/**
 * The running jobs. The condition makes it a scan of the index, where entries of deleted rows are marked and skipped; in the table they would
 * be read until the next vacuum.
 */
export const running = "uketsuke.running WHERE id > ''"

/** The job of each row, looked up by its id. A plan that was made while there were few jobs would scan all of them. */
export const jobOf = (id: string) => `LATERAL (SELECT * FROM uketsuke.jobs WHERE jobs.id = ${id} LIMIT 1) AS jobs`

const time = (value: unknown): number | null => (value === null ? null : Number(value))
