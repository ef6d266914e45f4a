import type { BatchPart } from '../../domain/batch.ts'
import { type Attempt, dueAt, type Job, type JobStatus, type Queue } from '../../domain/job.ts'
import { jobColumns, omitted } from '../columns.ts'
import { allOwners, type KnownVersion, type ListQuery, type Owner } from '../port.ts'
import type { Parameter, Sql } from './connection.ts'
import { parked } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import { jobOf, running, toAttempt, toJob } from './rows.ts'
import type { DatabaseTime } from './time.ts'
import { waitingTypes } from './waiting-types.ts'

const whose = (owner: Owner): string | null => (owner === allOwners ? null : owner)

/** Jobs in the order of `ids`; null if absent or owned by another owner. */
export async function get(sql: Sql, ids: readonly string[], owner: Owner = allOwners): Promise<(Job | null)[]> {
  if (ids.length === 0) return []
  const rows = await sql.query(
    'SELECT * FROM uketsuke.jobs WHERE id = ANY($1::text[]) AND ($2::text IS NULL OR owner = $2)',
    [ids, whose(owner)],
  )
  const found = new Map(rows.map((row) => [row.id, toJob(row)]))
  return ids.map((id) => found.get(id) ?? null)
}

export async function batch(sql: Sql, owner: Owner, id: string): Promise<BatchPart[]> {
  const rows = await sql.query(
    `SELECT status, count(*) AS count, sum(version) AS versions, sum(progress) AS progress, min(created_at) AS created_at,
       max(completed_at) AS completed_at
     FROM uketsuke.jobs WHERE batch = $1 AND ($2::text IS NULL OR owner = $2) GROUP BY status`,
    [id, whose(owner)],
  )
  return rows.map((row) => ({
    status: row.status as JobStatus,
    count: Number(row.count),
    versions: Number(row.versions),
    progress: Number(row.progress),
    createdAt: Number(row.created_at),
    completedAt: row.completed_at === null ? null : Number(row.completed_at),
  }))
}

export async function newerThan(sql: Sql, known: readonly KnownVersion[]): Promise<Job[]> {
  if (known.length === 0) return []
  const rows = await sql.query(
    `SELECT jobs.* FROM unnest($1::text[], $2::int[]) AS known (id, version), ${jobOf('known.id')} WHERE jobs.version > known.version`,
    [known.map(({ id }) => id), known.map(({ version }) => version)],
  )
  return rows.map(toJob)
}

export async function expiredLeases(sql: Sql, time: DatabaseTime, limit: number): Promise<Job[]> {
  const parameters = new Parameters()
  const rows = await sql.query(
    `SELECT jobs.* FROM (
       SELECT id, lease_until FROM ${running} AND lease_until <= ${time.now(parameters)} ORDER BY lease_until LIMIT ${parameters.add(limit)}
     ) AS expired, ${jobOf('expired.id')} ORDER BY expired.lease_until`,
    parameters.values,
  )
  return rows.map(toJob)
}

export async function nextDue(sql: Sql, queue: Queue, types: readonly string[]): Promise<number | null> {
  const parameters = new Parameters()
  const [which, wanted] = [parameters.add(queue), parameters.add(types)]
  const first = (priority: string) => `(
    SELECT min(first.rank) FROM unnest(${wanted}::text[]) AS each (type), LATERAL (
      SELECT rank FROM uketsuke.pending
      WHERE queue = ${which} AND priority = '${priority}' AND type = each.type
      ORDER BY rank LIMIT 1) AS first)`
  const [row] = await sql.query(`SELECT least(${first('high')}, ${first('normal')}) AS rank`, parameters.values)
  return row?.rank == null ? null : dueAt(Number(row.rank))
}

/** Failed jobs have an index of their own, since they are few among many. */
const failed = "SELECT id AS failed_id FROM uketsuke.ended WHERE status = 'failed'"
const listed = jobColumns.map(({ name }) => `${omitted[name] ?? name} AS ${name}`).join(', ')

export async function listJobs(sql: Sql, { owner, status, type, limit, before }: ListQuery): Promise<Job[]> {
  const parameters = new Parameters()
  const conditions = ["queue = 'jobs'"]
  const where = (condition: string, value: Parameter) => conditions.push(condition + parameters.add(value))
  if (owner !== allOwners) where('owner = ', owner)
  if (type !== undefined) where('type = ', type)
  const earlier = before === undefined ? '' : ` AND id < ${parameters.add(before)}`
  const most = parameters.add(limit)
  if (status?.length === 1 && status[0] === 'failed') {
    const rows = await sql.query(
      `SELECT ${listed} FROM (${failed}${earlier}) AS failed, ${jobOf('failed_id')}
       WHERE ${conditions.join(' AND ')} ORDER BY failed_id DESC LIMIT ${most}`,
      parameters.values,
    )
    return rows.map(toJob)
  }
  if (status !== undefined) conditions.push(`status = ANY(${parameters.add(status)}::text[])`)
  const rows = await sql.query(
    `SELECT ${listed} FROM uketsuke.jobs WHERE ${conditions.join(' AND ')}${earlier} ORDER BY id DESC LIMIT ${most}`,
    parameters.values,
  )
  return rows.map(toJob)
}

export async function deliveries(sql: Sql, owner: Owner, parent: string): Promise<Job[]> {
  const rows = await sql.query(
    'SELECT * FROM uketsuke.jobs WHERE parent = $1 AND ($2::text IS NULL OR owner = $2) ORDER BY created_at, id',
    [parent, whose(owner)],
  )
  return rows.map(toJob)
}

export async function failedDeliveries(
  sql: Sql,
  owner: Owner,
  since: number,
  after: string | null,
  limit: number,
): Promise<Job[]> {
  const rows = await sql.query(
    `SELECT jobs.* FROM (${failed} AND queue = 'deliveries' AND completed_at >= $2 AND id > $3) AS failed, ${jobOf('failed_id')}
     WHERE $1::text IS NULL OR owner = $1 ORDER BY failed_id LIMIT $4`,
    [whose(owner), since, after ?? '', limit],
  )
  return rows.map(toJob)
}

export async function attempts(sql: Sql, owner: Owner, id: string): Promise<Attempt[]> {
  const rows = await sql.query(
    `SELECT attempts.* FROM uketsuke.attempts JOIN uketsuke.jobs ON jobs.id = attempts.job_id
     WHERE attempts.job_id = $1 AND ($2::text IS NULL OR jobs.owner = $2) ORDER BY attempts.version`,
    [id, whose(owner)],
  )
  return rows.map(toAttempt)
}

/** Positions beyond this are expensive to determine and of little use. */
const countable = 100

export async function position(sql: Sql, time: DatabaseTime, id: string): Promise<number | null> {
  const parameters = new Parameters()
  const now = time.rank(parameters)
  const mine = `uketsuke.jobs WHERE id = ${parameters.add(id)} AND rank <= ${now} AND parked IS NULL`
  const count = (priority: string, condition: string) =>
    `(SELECT count(*) FROM (
       SELECT FROM ${priority}_types AS types, LATERAL (
         SELECT FROM uketsuke.pending AS other
         WHERE other.queue = mine.queue AND other.priority = '${priority}' AND other.type = types.type AND ${condition}
         ORDER BY other.rank, other.id LIMIT ${countable}) AS each
       LIMIT ${countable}) AS before)`
  const ahead = '(other.rank, other.id) < (mine.rank, mine.id)'
  const queue = `(SELECT queue FROM ${mine})`
  const [row] = await sql.query(
    `WITH RECURSIVE ${waitingTypes('high_types', queue, "'high'")}, ${waitingTypes('normal_types', queue, "'normal'")}
     SELECT CASE mine.priority WHEN 'high' THEN ${count('high', ahead)}
       ELSE ${count('normal', ahead)} + ${count('high', `other.rank <= ${now}`)} END AS before
     FROM (SELECT queue, priority, rank, id FROM ${mine}) AS mine`,
    parameters.values,
  )
  return row === undefined || Number(row.before) >= countable ? null : Number(row.before) + 1
}

export async function stats(sql: Sql): Promise<Record<Queue, Record<JobStatus, number>>> {
  const none = (): Record<JobStatus, number> => ({ pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0 })
  const counts = { jobs: none(), deliveries: none() }
  const rows = await sql.query(
    `SELECT queue, status, count(*) AS n FROM uketsuke.ended GROUP BY queue, status
     UNION ALL SELECT queue, 'pending', count(*) FROM uketsuke.pending GROUP BY queue
     UNION ALL SELECT queue, 'running', count(*) FROM uketsuke.running GROUP BY queue`,
    [],
  )
  for (const { queue, status, n } of rows)
    counts[queue === parked ? 'jobs' : (queue as Queue)][status as JobStatus] += Number(n)
  return counts
}

export async function shared(sql: Sql, name: string, initial: string): Promise<string> {
  await sql.query('INSERT INTO uketsuke.shared (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING', [name, initial])
  const [row] = await sql.query('SELECT value FROM uketsuke.shared WHERE name = $1', [name])
  return row?.value as string
}

/** The shared values that record migrations (`migrationNotes`). */
export async function notes(sql: Sql): Promise<Map<string, string>> {
  const rows = await sql.query("SELECT name, value FROM uketsuke.shared WHERE name LIKE 'move.%'", [])
  return new Map(rows.map(({ name, value }) => [name as string, value as string]))
}

/** The database's time in milliseconds since the epoch. */
export async function databaseTime(sql: Sql): Promise<number> {
  const [row] = await sql.query('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now', [])
  return Number(row?.now)
}
