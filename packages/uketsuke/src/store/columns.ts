import type { Failure } from '../domain/errors.ts'
import type { Job } from '../domain/job.ts'

export type Value = string | number | null
type Type = 'text' | 'int' | 'bigint'

export interface Column {
  readonly name: string
  /** `int` has 32 bits; times are `bigint`. SQLite stores both as INTEGER. */
  readonly type: Type
  readonly value: (job: Job) => Value
}

const column = (name: string, type: Type, value: Column['value']): Column => ({ name, type, value })

export const failureText = (value: Failure | null): string | null => (value === null ? null : JSON.stringify(value))

const input = column('input', 'text', (job) => job.input)

/** Columns that do not change after the insert, except that a debounced job gets the input of the last request. */
export const fixedColumns: readonly Column[] = [
  column('id', 'text', (job) => job.id),
  column('queue', 'text', (job) => job.queue),
  column('type', 'text', (job) => job.type),
  column('owner', 'text', (job) => job.owner),
  column('priority', 'text', (job) => job.priority),
  column('max_attempts', 'int', (job) => job.maxAttempts),
  column('metadata', 'text', (job) => job.metadata),
  column('webhook_url', 'text', (job) => job.webhookUrl),
  column('retry_of', 'text', (job) => job.retryOf),
  column('parent', 'text', (job) => job.parent),
  column('created_at', 'bigint', (job) => job.createdAt),
  column('retain_for', 'bigint', (job) => job.retainFor),
  input,
  column('trace', 'text', (job) => job.trace),
  column('limit_key', 'text', (job) => job.limitKey),
  column('batch', 'text', (job) => job.batch),
]

/** Columns that the rules change. */
export const changingColumns: readonly Column[] = [
  column('status', 'text', (job) => job.status),
  column('version', 'int', (job) => job.version),
  column('attempt', 'int', (job) => job.attempt),
  column('progress', 'int', (job) => job.progress),
  column('progress_message', 'text', (job) => job.progressMessage),
  column('output', 'text', (job) => job.output),
  column('error', 'text', (job) => failureText(job.error)),
  column('last_error', 'text', (job) => failureText(job.lastError)),
  column('run_at', 'bigint', (job) => job.runAt),
  column('started_at', 'bigint', (job) => job.startedAt),
  column('completed_at', 'bigint', (job) => job.completedAt),
  column('cancel_requested_at', 'bigint', (job) => job.cancelRequestedAt),
  column('expires_at', 'bigint', (job) => job.expiresAt),
  column('worker', 'text', (job) => job.worker),
  column('lease_until', 'bigint', (job) => job.leaseUntil),
  column('rank', 'bigint', (job) => job.rank),
  // Null rather than 0, which costs less.
  column('parked', 'int', (job) => (job.parked ? 1 : null)),
  column('files', 'text', (job) => job.files),
]

/** The columns that an update may write. */
export const updatedColumns: readonly Column[] = [...changingColumns, input]

/**
 * The columns of `jobs` in every store: a table, or a view in PostgreSQL. Rows, writes and raw tables derive from this list. A new column
 * needs a line here, a migration in each store, and a field of `Job` that each store's `toJob` reads; in PostgreSQL also a place in
 * `moves.ts` or `whole-rows.ts`.
 */
export const jobColumns: readonly Column[] = [...fixedColumns, ...changingColumns]

/** What a list selects instead of the columns that may be long, in SQL. */
export const omitted: Readonly<Record<string, string>> = { input: "''", output: 'NULL' }

export const textColumns = jobColumns.filter(({ type }) => type === 'text').map(({ name }) => name)
export const numberColumns = jobColumns.filter(({ type }) => type !== 'text').map(({ name }) => name)
