import { UketsukeError } from '../../domain/errors.ts'
import { isTerminal, type Job } from '../../domain/job.ts'
import type { Insert, Inserted } from '../port.ts'
import type { Sql } from './connection.ts'
import { firstOfEach, insert, isKeyed, type Keyed, keyColumns, lookUp, type Placed, place } from './insert.ts'
import { Parameters } from './parameters.ts'
import { get } from './queries.ts'
import { jobOf, names, toJob } from './rows.ts'
import type { DatabaseTime } from './time.ts'

/** The job that holds a unique key. A new one has its place in the batch. */
interface Holder {
  readonly job: Job
  readonly place: number | null
}

/**
 * Inserts a batch with unique keys, in a transaction. First the idempotency keys are taken, then the unique keys, both in order, so that
 * concurrent batches with the same keys wait for one another without a deadlock.
 */
export async function insertUnique(
  sql: Sql,
  time: DatabaseTime,
  inserts: readonly Insert[],
  maybeCommitted: boolean,
): Promise<Inserted[]> {
  const placed = inserts.map((one, place) => ({ ...one, place }))
  const stored = maybeCommitted ? await storedIds(sql, placed) : new Set()
  const keyed = placed.filter(isKeyed)
  const free = await takeKeys(sql, keyed)
  const fresh = placed.filter((one) => !isKeyed(one) || free.has(one.place))
  const holders = await takeUniqueKeys(sql, fresh)
  const heldBy = ({ place, uniqueKey }: Placed): Job | null => {
    const holder = uniqueKey === undefined ? undefined : holders.get(uniqueKey)
    return holder === undefined || holder.place === place ? null : holder.job
  }
  const created = fresh.filter((one) => heldBy(one) === null && !stored.has(one.job.id))
  await pointToHolders(sql, fresh.filter(isKeyed), heldBy)
  await insert(
    sql,
    time,
    created.map(({ job }) => ({ job })),
    false,
  )
  const taken = keyed.filter(({ place }) => !free.has(place))
  const before = taken.length === 0 ? new Map() : await lookUp(sql, taken)
  return placed.map((one): Inserted => {
    const { job, key } = one
    const fingerprint = key?.fingerprint ?? null
    if (stored.has(job.id)) return { job, created: true, fingerprint }
    if (isKeyed(one) && !free.has(one.place)) return { ...before.get(one.place), created: false }
    const held = heldBy(one)
    return held === null
      ? { job, created: true, fingerprint }
      : { job: held, created: false, deduplicated: true, fingerprint }
  })
}

async function storedIds(sql: Sql, inserts: readonly Insert[]): Promise<Set<unknown>> {
  const ids = inserts.map(({ job }) => job.id)
  return new Set((await get(sql, ids)).map((job) => job?.id))
}

/** Returns the places of the rows whose idempotency keys were free. A taken key was committed, or is one of an earlier row. */
async function takeKeys(sql: Sql, keyed: readonly Keyed[]): Promise<ReadonlySet<unknown>> {
  if (keyed.length === 0) return new Set()
  const parameters = new Parameters()
  const rows = await sql.query(
    `WITH asked AS MATERIALIZED (SELECT * FROM ${parameters.rows('asked', [...keyColumns, place], firstOfEach(keyed))}), taken AS (
       INSERT INTO uketsuke.idempotency_keys (${names(keyColumns)}) SELECT ${names(keyColumns)} FROM asked
       ON CONFLICT DO NOTHING RETURNING owner, route, key
     ) SELECT place FROM asked WHERE ((owner, route, key) IN (SELECT owner, route, key FROM taken)) IS TRUE`,
    parameters.values,
  )
  return new Set(rows.map((row) => row.place))
}

/** The second one finds the key under its lock, so it cannot fail in READ COMMITTED. A caller may use another level. */
export const tries = 3

/**
 * The job that holds each unique key from now on: the first new one, or an unfinished one. Whether a job has ended is decided under the
 * lock of its key, but by the snapshot of the statement. A job that ended meanwhile is found in a second step, and its key taken in a third.
 */
async function takeUniqueKeys(sql: Sql, inserts: readonly Placed[]): Promise<Map<string, Holder>> {
  const holders = new Map<string, Holder>()
  const first = new Map<string, Placed>()
  for (const one of inserts) {
    if (one.uniqueKey !== undefined && !first.has(one.uniqueKey)) first.set(one.uniqueKey, one)
  }
  for (let tried = 0; first.size > 0; tried++) {
    if (tried === tries) throw new UketsukeError('temporarily-unavailable', 'A unique key could not be taken.')
    const asked = [...first].toSorted(([a], [b]) => (a < b ? -1 : 1))
    const parameters = new Parameters()
    const taken = await sql.query(
      `INSERT INTO uketsuke.unique_keys (key, job_id) SELECT key, job_id FROM ${parameters.rows('asked', keyAndJob, asked)}
       ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id
       WHERE EXISTS (SELECT FROM uketsuke.ended WHERE ended.id = unique_keys.job_id)
       RETURNING key`,
      parameters.values,
    )
    for (const { key } of taken) {
      holders.set(key as string, first.get(key as string)!)
      first.delete(key as string)
    }
    if (first.size === 0) break
    for (const [key, job] of await heldJobs(sql, [...first.keys()])) {
      if (isTerminal(job)) continue
      holders.set(key, { job, place: null })
      first.delete(key)
    }
  }
  return holders
}

const keyAndJob = [
  ['key', 'text', ([key]: readonly [string, Placed]) => key],
  ['job_id', 'text', ([, { job }]: readonly [string, Placed]) => job.id],
] as const

/** The last job of each unique key. */
async function heldJobs(sql: Sql, keys: readonly string[]): Promise<[key: string, Job][]> {
  const rows = await sql.query(
    `SELECT held.key, jobs.* FROM unnest($1::text[]) AS asked (key), LATERAL (
       SELECT key, job_id FROM uketsuke.unique_keys WHERE unique_keys.key = asked.key LIMIT 1) AS held, ${jobOf('held.job_id')}`,
    [keys],
  )
  return rows.map((row) => [row.key as string, toJob(row)])
}

/** The unfinished job that holds a unique key. */
export async function holder(sql: Sql, uniqueKey: string): Promise<Job | null> {
  const [held] = await heldJobs(sql, [uniqueKey])
  return held === undefined || isTerminal(held[1]) ? null : held[1]
}

/** The idempotency keys of jobs that are not created belong to the jobs that stand in for them. */
async function pointToHolders(sql: Sql, keyed: readonly Keyed[], heldBy: (one: Placed) => Job | null): Promise<void> {
  const held = keyed.flatMap((one) => {
    const holder = heldBy(one)
    return holder === null ? [] : [{ ...one, job: { ...one.job, id: holder.id } }]
  })
  if (held.length === 0) return
  const parameters = new Parameters()
  await sql.query(
    `UPDATE uketsuke.idempotency_keys AS taken SET job_id = held.job_id FROM ${parameters.rows('held', keyColumns, held)}
     WHERE (taken.owner, taken.route, taken.key) = (held.owner, held.route, held.key)`,
    parameters.values,
  )
}
