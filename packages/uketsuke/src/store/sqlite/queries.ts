import type { BatchPart } from '../../domain/batch.ts'
import type { Attempt, Change, Job, JobStatus, Lease, Queue } from '../../domain/job.ts'
import { dueAt, inStartOrder, rankAt } from '../../domain/job.ts'
import { markTimes } from '../../domain/limits.ts'
import { failureText, jobColumns } from '../columns.ts'
import { allOwners, type ClaimQuery, type KnownVersion, type ListQuery, type Owner } from '../port.ts'
import { jobLogKind } from '../records.ts'
import { encodeText } from '../text-encoding.ts'
import { front, parked, place, waiting, waitingTypes } from './backlog.ts'
import type { Sql } from './connection.ts'
import { mark } from './limits.ts'
import type { Parameter } from './open.ts'
import { attemptColumns, inRange, listedColumns, readable, selectedColumns, toAttempt, toJob } from './rows.ts'
import { insertionOnce, update, write } from './statements.ts'

export function replace(sql: Sql, { before, after, spawn, attempt }: Change): boolean {
  if (write(sql, update(before, after)) === 0) return false
  for (const job of spawn) write(sql, insertionOnce(job))
  if (after.limitKey !== null) mark(sql, after, markTimes(before, after))
  if (attempt !== null) log(sql, attempt, after.version)
  return true
}

function log(sql: Sql, { jobId, attempt, worker, startedAt, endedAt, outcome, error }: Attempt, version: number): void {
  sql.run(
    'INSERT INTO attempts (job_id, version, attempt, worker, started_at, ended_at, outcome, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    jobId,
    version,
    attempt,
    worker,
    startedAt,
    endedAt,
    outcome,
    failureText(error),
  )
}

const list = (values: readonly string[]) => JSON.stringify(values.map(encodeText))

/** Columns with a known value in a job that has just been claimed. Returning a row costs per column read. */
const known = new Map([
  ['progress', '0'],
  ...['progress_message', 'output', 'error', 'completed_at', 'expires_at', 'rank', 'parked', 'files'].map(
    (name) => [name, 'NULL'] as const,
  ),
])
const returned = jobColumns.map(({ name }) => known.get(name) ?? readable(name)).join(', ')

/**
 * The rule `claim` in SQL: first `high`, then `normal`, each from the start of its index ranges. Jobs of other types
 * are never read. OR FAIL: `Connection` rolls back the whole transaction on failure, so SQLite need not keep a
 * statement journal.
 */
export function claim(sql: Sql, query: ClaimQuery, now: number): Job[] {
  const { queue, types, limit, worker, leaseMs, priority } = query
  const take = (rows: string, ...parameters: Parameter[]) =>
    sql
      .tuples(
        `UPDATE OR FAIL jobs SET status = 'running', version = version + 1, attempt = attempt + 1, progress = 0, progress_message = NULL,
           rank = NULL, started_at = ?, worker = ?, lease_until = ? WHERE rowid IN (${rows}) RETURNING ${returned}`,
        ...[now, worker, now + leaseMs, ...parameters],
      )
      .map(toJob)
      // RETURNING does not define an order.
      .sort(inStartOrder)
  const [only = ''] = types
  const turn = (priority: string, most: number): Job[] => {
    if (types.length === 1) {
      const rows = `SELECT rowid ${waiting} AND ${place} <= ? ORDER BY ${place}, id LIMIT ?`
      return take(rows, queue, priority, only, rankAt(now), most)
    }
    const rows = front(sql, query, priority, most, now)
    return rows.length === 0 ? [] : take('SELECT value FROM json_each(?)', JSON.stringify(rows))
  }
  if (priority !== undefined) return turn(priority, limit)
  const high = turn('high', limit)
  return high.length < limit ? [...high, ...turn('normal', limit - high.length)] : high
}

export function nextDue(sql: Sql, queue: Queue, types: readonly string[]): number | null {
  const text = `SELECT ${inRange(place)} AS rank ${waiting} ORDER BY ${place} LIMIT 1`
  let due: number | null = null
  for (const priority of ['high', 'normal']) {
    for (const type of types) {
      const rank = sql.get(text, queue, priority, type)?.rank
      if (typeof rank === 'number' && dueAt(rank) < (due ?? Number.POSITIVE_INFINITY)) due = dueAt(rank)
    }
  }
  return due
}

/** Positions beyond this are expensive to determine and of little use. */
const countable = 100

export function position(sql: Sql, { id }: Job, now: number): number | null {
  const job = get(sql, allOwners, id)
  if (job === null || job.rank === null || job.parked || dueAt(job.rank) > now) return null
  const count = (priority: string, condition: string, ...parameters: Parameter[]) =>
    waitingTypes(sql, job.queue, priority).reduce((sum, type) => {
      if (sum >= countable) return sum
      const before = `SELECT 1 ${waiting} AND ${condition} LIMIT ${countable}`
      return sum + Number(sql.get(`SELECT count(*) AS n FROM (${before})`, job.queue, priority, type, ...parameters)?.n)
    }, 0)
  const before =
    count(job.priority, `(${place}, id) < (?, ?)`, job.rank, job.id) +
    (job.priority === 'normal' ? count('high', `${place} <= ?`, rankAt(now)) : 0)
  return before < countable ? before + 1 : null
}

export function renew(sql: Sql, { id, attempt, worker }: Lease, until: number): number | null {
  const [row] = sql.all(
    "UPDATE jobs SET lease_until = ? WHERE id = ? AND attempt = ? AND worker = ? AND status = 'running' RETURNING version",
    until,
    id,
    attempt,
    worker,
  )
  return row === undefined ? null : (row.version as number)
}

export const expiredLeases = (sql: Sql, now: number, limit: number): Job[] =>
  sql
    .tuples(
      `SELECT ${selectedColumns} FROM jobs WHERE status = 'running' AND lease_until <= ? ORDER BY lease_until LIMIT ?`,
      now,
      limit,
    )
    .map(toJob)

export function get(sql: Sql, owner: Owner, id: string): Job | null {
  // The owner is a condition: reading another owner's row would take as long as the row is large, which tells that it exists.
  const [row] =
    owner === allOwners
      ? sql.tuples(`SELECT ${selectedColumns} FROM jobs WHERE id = ?`, id)
      : sql.tuples(`SELECT ${selectedColumns} FROM jobs WHERE id = ? AND owner = ?`, id, owner)
  return row === undefined ? null : toJob(row)
}

export function batch(sql: Sql, owner: Owner, id: string): BatchPart[] {
  const [mine, whose] = owner === allOwners ? ['', []] : ['AND owner = ?', [owner]]
  const rows = sql.all(
    `SELECT status, count(*) AS count, sum(version) AS versions, sum(progress) AS progress, min(created_at) AS createdAt,
       max(completed_at) AS completedAt
     FROM jobs INDEXED BY jobs_batch WHERE batch = ? ${mine} GROUP BY status`,
    id,
    ...whose,
  ) as unknown as BatchPart[]
  return rows.map((row) => ({ ...row }))
}

export const newerThan = (sql: Sql, { id, version }: KnownVersion): Job[] =>
  sql.tuples(`SELECT ${selectedColumns} FROM jobs WHERE id = ? AND version > ?`, id, version).map(toJob)

export function listJobs(sql: Sql, { owner, status, type, limit, before }: ListQuery): Job[] {
  const conditions = ["queue = 'jobs'"]
  const parameters: Parameter[] = []
  const where = (condition: string, value: Parameter) => {
    conditions.push(condition)
    parameters.push(value)
  }
  if (owner !== allOwners) where('owner = ?', owner)
  if (before !== undefined) where('id < ?', before)
  if (type !== undefined) where('type = ?', type)
  // A literal condition: the planner uses the partial index of failed jobs only if it sees the literal.
  if (status?.length === 1 && status[0] === 'failed') conditions.push("status = 'failed'")
  else if (status !== undefined) where('status IN (SELECT value FROM json_each(?))', list(status))
  return sql
    .tuples(
      `SELECT ${listedColumns} FROM jobs WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT ?`,
      ...parameters,
      limit,
    )
    .map(toJob)
}

export const deliveries = (sql: Sql, owner: Owner, parent: string): Job[] =>
  sql
    .tuples(`SELECT ${selectedColumns} FROM jobs WHERE parent = ? ORDER BY created_at, id`, parent)
    .map(toJob)
    .filter((job) => owner === allOwners || job.owner === owner)

export function failedDeliveries(sql: Sql, owner: Owner, since: number, after: string | null, limit: number): Job[] {
  const [mine, whose] = owner === allOwners ? ['', []] : ['AND owner = ?', [owner]]
  return sql
    .tuples(
      `SELECT ${selectedColumns} FROM jobs INDEXED BY jobs_failed
       WHERE status = 'failed' AND queue = 'deliveries' AND completed_at >= ? AND id > ? ${mine} ORDER BY id LIMIT ?`,
      ...[since, after ?? '', ...whose, limit],
    )
    .map(toJob)
}

export const attempts = (sql: Sql, owner: Owner, id: string): Attempt[] =>
  get(sql, owner, id) === null
    ? []
    : sql.all(`SELECT ${attemptColumns} FROM attempts WHERE job_id = ? ORDER BY attempts.version`, id).map(toAttempt)

export function remove(sql: Sql, owner: Owner, id: string): boolean {
  const job = get(sql, owner, id)
  if (job === null || job.completedAt === null) return false
  for (const delivery of sql.all('SELECT id FROM jobs WHERE parent = ?', id)) erase(sql, delivery.id as string)
  erase(sql, id)
  return true
}

export function erase(sql: Sql, id: string): void {
  sql.run('DELETE FROM attempts WHERE job_id = ?', id)
  sql.run('DELETE FROM unique_keys WHERE job_id = ?', id)
  sql.run('DELETE FROM fragments WHERE job_id = ?', id)
  sql.run('DELETE FROM records WHERE kind = ? AND id = ?', jobLogKind, id)
  sql.run('DELETE FROM jobs WHERE id = ?', id)
}

export function prune(sql: Sql, now: number, limit: number): number {
  const expired = sql.all(
    `SELECT id FROM jobs INDEXED BY jobs_ended
     WHERE completed_at IS NOT NULL AND queue IN ('jobs', 'deliveries') AND status IN ('completed', 'failed', 'cancelled')
       AND expires_at <= ?
       AND NOT EXISTS (SELECT 1 FROM jobs AS delivery WHERE delivery.parent = jobs.id AND delivery.completed_at IS NULL)
     LIMIT ?`,
    now,
    limit,
  )
  for (const { id } of expired) erase(sql, id as string)
  sql.run(
    'DELETE FROM idempotency_keys WHERE rowid IN (SELECT rowid FROM idempotency_keys WHERE expires_at <= ? LIMIT ?)',
    now,
    limit,
  )
  return expired.length
}

export function stats(sql: Sql): Record<Queue, Record<JobStatus, number>> {
  const none = (): Record<JobStatus, number> => ({ pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 })
  const counts = { jobs: none(), deliveries: none() }
  // Each part is counted in a partial index; the rows and their payloads are never read.
  const rows = sql.all(
    `SELECT queue, status, count(*) AS n FROM jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL GROUP BY queue, status
     UNION ALL SELECT queue, 'pending', count(*) FROM jobs INDEXED BY jobs_due WHERE status = 'pending' AND parked IS NULL GROUP BY queue
     UNION ALL SELECT queue, 'parked', count(*) FROM ${parked} GROUP BY queue
     UNION ALL SELECT queue, 'running', count(*) FROM jobs INDEXED BY jobs_leased WHERE status = 'running' GROUP BY queue`,
  )
  for (const { queue, status, n } of rows)
    counts[queue as Queue][status === 'parked' ? 'pending' : (status as JobStatus)] += n as number
  return counts
}

export function shared(sql: Sql, name: string, initial: string): string {
  sql.run('INSERT INTO shared (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING', name, initial)
  return sql.get('SELECT value FROM shared WHERE name = ?', name)?.value as string
}

/** Reads a shared value without storing one. */
export const note = (sql: Sql, name: string): string | undefined =>
  sql.get('SELECT value FROM shared WHERE name = ?', name)?.value as string | undefined
