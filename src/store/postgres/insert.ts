import { UketsukeError } from '../../domain/errors.ts'
import type { IdempotencyKey, Insert, Inserted } from '../port.ts'
import { Parameters } from './arrays.ts'
import type { Sql } from './connection.ts'
import { codeOf, uniqueViolation } from './failures.ts'
import { get } from './queries.ts'
import { names, toJob, type Value, whole } from './rows.ts'
import type { Time } from './time.ts'

type Keyed = Insert & { key: IdempotencyKey }
const isKeyed = (one: Insert): one is Keyed => one.key !== undefined

const keyColumns: readonly (readonly [string, 'text' | 'bigint', (of: Keyed) => Value])[] = [
  ['owner', 'text', ({ job }) => job.owner],
  ['route', 'text', ({ key }) => key.route],
  ['key', 'text', ({ key }) => key.key],
  ['fingerprint', 'text', ({ key }) => key.fingerprint],
  ['job_id', 'text', ({ job }) => job.id],
  ['expires_at', 'bigint', ({ key }) => key.expiresAt],
]

/** One commit for the batch, and a look at the keys that others took before. */
export async function insert(sql: Sql, time: Time, inserts: readonly Insert[], unsure: boolean): Promise<Inserted[]> {
  if (inserts.length === 0) return []
  const keyed = inserts.filter(isKeyed)
  const made = await write(sql, time, inserts, keyed).catch((error: unknown) => written(sql, inserts, error, unsure))
  const taken = keyed.filter(({ job }) => !made.has(job.id))
  const before = taken.length === 0 ? [] : await lookUp(sql, taken)
  const byId = new Map(taken.map(({ job }, i) => [job.id, before[i]]))
  return Promise.all(
    inserts.map(async ({ job, key }): Promise<Inserted> => {
      if (key === undefined || made.has(job.id)) return { job, created: true, fingerprint: key?.fingerprint ?? null }
      const found = byId.get(job.id)
      // Pruned between the two statements, so that it is free again.
      if (found === undefined) return (await insert(sql, time, [{ job, key }], unsure))[0]!
      // A first try whose answer was lost took the key for this very job.
      return { ...found, created: found.job?.id === job.id }
    }),
  )
}

/** Gives the ids of the keyed jobs that were made. Equal keys of one batch collide like those of two processes: the first one creates. */
async function write(sql: Sql, time: Time, inserts: readonly Insert[], keyed: readonly Keyed[]): Promise<Set<unknown>> {
  const parameters = new Parameters()
  const rows = parameters.rows(
    'new',
    whole,
    inserts.map(({ job }) => job),
  )
  const columns = names(whole)
  const jobs = `INSERT INTO uketsuke.jobs (${columns}, due_at) SELECT ${columns}, ${time.due(parameters)} FROM ${rows}`
  if (keyed.length === 0) {
    await sql.query(jobs, parameters.values)
    return new Set()
  }
  // In one order everywhere: two batches with the same keys wait for one another, and never in a circle.
  const sorted = keyed.toSorted((a, b) => order(a, b))
  const made = await sql.query(
    `WITH keyed AS (
       INSERT INTO uketsuke.idempotency_keys (${names(keyColumns)})
       SELECT * FROM ${parameters.rows('asked', keyColumns, sorted)}
       ON CONFLICT DO NOTHING RETURNING job_id
     ), made AS (
       ${jobs} WHERE new.id <> ALL(${parameters.add(keyed.map(({ job }) => job.id))}::text[]) OR new.id IN (SELECT job_id FROM keyed)
     )
     SELECT job_id FROM keyed`,
    parameters.values,
  )
  return new Set(made.map(({ job_id }) => job_id))
}

/** The ids are ours: after a try whose answer was lost, finding them stored means that it was committed. */
async function written(sql: Sql, inserts: readonly Insert[], error: unknown, unsure: boolean): Promise<Set<unknown>> {
  if (codeOf(error) !== uniqueViolation) throw error
  const plain = inserts.filter((one) => !isKeyed(one)).map(({ job }) => job)
  const stored = unsure
    ? await get(
        sql,
        plain.map(({ id }) => id),
      )
    : []
  if (unsure && plain.every((job, i) => stored[i]?.createdAt === job.createdAt && stored[i].input === job.input)) {
    return new Set()
  }
  throw new UketsukeError('internal-error', 'A job with this id is stored already.', { cause: error })
}

/** In the order of `keyed`; undefined where the key is free. */
async function lookUp(sql: Sql, keyed: readonly Keyed[]): Promise<(Omit<Inserted, 'created'> | undefined)[]> {
  const parameters = new Parameters()
  const rows = await sql.query(
    `SELECT asked.job_id AS asked_for, taken.fingerprint, jobs.*
     FROM ${parameters.rows('asked', keyColumns, keyed)}
     JOIN uketsuke.idempotency_keys AS taken USING (owner, route, key)
     LEFT JOIN uketsuke.jobs ON jobs.id = taken.job_id`,
    parameters.values,
  )
  const found = new Map(
    rows.map((row) => [
      row.asked_for,
      { job: row.id === null ? null : toJob(row), fingerprint: row.fingerprint as string },
    ]),
  )
  return keyed.map(({ job }) => found.get(job.id))
}

function order(a: Keyed, b: Keyed): number {
  const [one, other] = [a, b].map(({ job, key }) => JSON.stringify([job.owner, key.route, key.key]))
  return one === other ? 0 : one! < other! ? -1 : 1
}
