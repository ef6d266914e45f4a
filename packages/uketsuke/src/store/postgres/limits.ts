import { type Change, type Job, type Priority, rankAt } from '../../domain/job.ts'
import { markTimes, mustYield } from '../../domain/limits.ts'
import type { AdmissionRule, LimitKey } from '../port.ts'
import type { Sql } from './connection.ts'
import { parked } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import { type ArrayColumn, jobOf, toJob } from './rows.ts'
import type { DatabaseTime } from './time.ts'

interface Mark extends LimitKey {
  /** The id of the job that changed. */
  readonly cause: string
  readonly at: number
}
const markColumns: readonly ArrayColumn<Mark>[] = [
  ['cause', 'text', (one) => one.cause],
  ['type', 'text', (one) => one.type],
  ['key', 'text', (one) => one.key],
  ['look_at', 'bigint', (one) => one.at],
]

/** Marks the keys of swapped jobs, as a part of a WITH clause. Empty if none has a key. */
export function marking(parameters: Parameters, changes: readonly Change[]): string {
  const marks = changes.flatMap(({ before, after }) =>
    markTimes(before, after).map((at): Mark => ({ cause: before.id, type: after.type, key: after.limitKey ?? '', at })),
  )
  if (marks.length === 0) return ''
  return `, marked AS (INSERT INTO uketsuke.limit_marks (type, look_at, key)
    SELECT DISTINCT type, look_at, key FROM ${parameters.rows('new', markColumns, marks)} WHERE (new.cause IN (SELECT id FROM swapped)) IS TRUE)`
}

export async function keysWithRoom(
  sql: Sql,
  time: DatabaseTime,
  types: readonly string[],
  limit: number,
): Promise<LimitKey[]> {
  const parameters = new Parameters()
  const rows = await sql.query(
    `SELECT DISTINCT found.type, found.key FROM unnest(${parameters.add(types)}::text[]) AS each (type), LATERAL (
       SELECT type, key FROM uketsuke.limit_marks WHERE limit_marks.type = each.type AND look_at <= ${time.now(parameters)}
       ORDER BY look_at LIMIT ${parameters.add(limit)}) AS found`,
    parameters.values,
  )
  return rows as unknown as LimitKey[]
}

/**
 * Admits jobs of these keys, in a transaction. The keys are locked in order, so that concurrent admissions wait for one another without a
 * deadlock. The marks are deleted before the jobs are counted: a mark that is committed later belongs to a later admission.
 */
export async function admit(
  sql: Sql,
  time: DatabaseTime,
  schema: string,
  keys: readonly LimitKey[],
  rule: AdmissionRule,
): Promise<Job[]> {
  const admitted: Job[] = []
  for (const one of keys.toSorted((a, b) => (a.key < b.key ? -1 : 1)))
    admitted.push(...(await admitKey(sql, time, schema, one, rule)))
  return admitted
}

async function admitKey(
  sql: Sql,
  time: DatabaseTime,
  schema: string,
  { type, key }: LimitKey,
  rule: AdmissionRule,
): Promise<Job[]> {
  await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 1))', [`${schema} ${key}`])
  const marks = new Parameters()
  const [{ now } = { now: 0 }] = await sql.query(
    `WITH gone AS (DELETE FROM uketsuke.limit_marks WHERE key = ${marks.add(key)} AND look_at <= ${time.now(marks)})
     SELECT ${time.now(marks)} AS now`,
    marks.values,
  )
  const withdrawn = await withdraw(sql, key, Number(now))
  const [facts] = await sql.query(
    `SELECT (SELECT state FROM uketsuke.key_states WHERE key = $1) AS state,
       (SELECT count(*) FROM uketsuke.pending WHERE limit_key = $1 AND queue = 'jobs') AS ready,
       (SELECT count(*) FROM uketsuke.running WHERE limit_key = $1) AS running`,
    [key],
  )
  const state = (facts?.state ?? null) as string | null
  const step = rule(
    type,
    { state, ready: Number(facts?.ready), withdrawn, running: Number(facts?.running) },
    Number(now),
  )
  const admitted = step.room === 0 ? [] : await take(sql, key, Number(now), step.room)
  const after = step.after(admitted.length)
  if (after.state !== null)
    await sql.query(
      'INSERT INTO uketsuke.key_states (key, state) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET state = excluded.state',
      [key, after.state],
    )
  else if (state !== null) await sql.query('DELETE FROM uketsuke.key_states WHERE key = $1', [key])
  if (after.again !== null)
    await sql.query('INSERT INTO uketsuke.limit_marks (type, look_at, key) VALUES ($1, $2, $3)', [
      type,
      after.again,
      key,
    ])
  return admitted
}

/** Parks the ready jobs of a key if they must yield. Returns their number. A job that is being claimed stays. */
async function withdraw(sql: Sql, key: string, now: number): Promise<number> {
  const place = (queue: string, condition: string, order: string) =>
    `(SELECT priority, rank FROM uketsuke.pending WHERE limit_key = $1 AND queue = '${queue}' AND ${condition} ORDER BY ${order} LIMIT 1)`
  const first = (priority: string) => place(parked, `priority = '${priority}' AND rank <= $2::bigint`, 'rank')
  const rows = await sql.query(
    `SELECT 'ready' AS which, * FROM ${place('jobs', 'true', 'priority DESC, rank DESC')} AS ready
     UNION ALL SELECT 'parked', * FROM ${first('high')} AS high UNION ALL SELECT 'parked', * FROM ${first('normal')} AS normal`,
    [key, rankAt(now)],
  )
  const placeOf = (name: string) => {
    // The high one comes first.
    const row = rows.find(({ which }) => which === name)
    return row === undefined ? null : { priority: row.priority as Priority, rank: Number(row.rank) }
  }
  if (!mustYield(placeOf('ready'), placeOf('parked'))) return 0
  const gone = await sql.query(
    `UPDATE uketsuke.pending SET queue = '${parked}' WHERE ctid = ANY(ARRAY(
       SELECT ctid FROM uketsuke.pending WHERE limit_key = $1 AND queue = 'jobs' FOR UPDATE SKIP LOCKED)) RETURNING id`,
    [key],
  )
  return gone.length
}

/** Rows that a cancellation has locked are skipped: no admission waits while it holds a key. */
async function take(sql: Sql, key: string, now: number, room: number): Promise<Job[]> {
  const first = (priority: string, most: string) =>
    `SELECT ctid AS place FROM uketsuke.pending WHERE limit_key = $1 AND queue = '${parked}' AND priority = '${priority}' AND rank <= $2::bigint * 1000
     ORDER BY rank, id LIMIT ${most} FOR UPDATE SKIP LOCKED`
  const ids = await sql.query(
    `WITH high AS MATERIALIZED (${first('high', '$3::int')}),
       normal AS MATERIALIZED (${first('normal', '($3::int - (SELECT count(*) FROM high))')})
     UPDATE uketsuke.pending SET queue = 'jobs' WHERE ctid = ANY(ARRAY(SELECT place FROM high) || ARRAY(SELECT place FROM normal)) RETURNING id`,
    [key, now, room],
  )
  if (ids.length === 0) return []
  const rows = await sql.query(`SELECT jobs.* FROM unnest($1::text[]) AS admitted (id), ${jobOf('admitted.id')}`, [
    ids.map(({ id }) => id as string),
  ])
  return rows.map(toJob)
}

export async function markKeys(sql: Sql, time: DatabaseTime, types: readonly string[]): Promise<void> {
  const parameters = new Parameters()
  const now = time.now(parameters)
  await sql.query(
    `INSERT INTO uketsuke.limit_marks (type, look_at, key)
     SELECT DISTINCT type, CASE WHEN run_at <= ${now} THEN 0 ELSE run_at END, limit_key FROM uketsuke.pending
     WHERE queue = '${parked}' AND limit_key IS NOT NULL AND type = ANY(${parameters.add(types)}::text[])`,
    parameters.values,
  )
}
