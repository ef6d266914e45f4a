import { UketsukeError } from '../../domain/errors.ts'
import type { IdempotencyKey, Insert, Inserted } from '../port.ts'
import type { Sql } from './connection.ts'
import { codeOf, uniqueViolation } from './errors.ts'
import { askedOf, hasRare, insertNew } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import { get } from './queries.ts'
import { jobOf, names, toJob, type Value } from './rows.ts'
import type { DatabaseTime } from './time.ts'

/** `place` is the index in the batch, because ids and keys may occur twice. */
export type Placed = Insert & { place: number }
export type Keyed = Placed & { key: IdempotencyKey }
export const isKeyed = (one: Placed): one is Keyed => one.key !== undefined

const jobColumns = [false, true].map((limited) =>
  askedOf(limited).map(([name, type, value]) => [name, type, ({ job }: Placed) => value(job)] as const),
)

export const keyColumns: readonly (readonly [string, 'text' | 'bigint', (of: Keyed) => Value])[] = [
  ['owner', 'text', ({ job }) => job.owner],
  ['route', 'text', ({ key }) => key.route],
  ['key', 'text', ({ key }) => key.key],
  ['fingerprint', 'text', ({ key }) => key.fingerprint],
  ['job_id', 'text', ({ job }) => job.id],
  ['expires_at', 'bigint', ({ key }) => key.expiresAt],
]
export const place = ['place', 'int', (one: Placed) => one.place] as const

/** Inserts the batch in one commit, then reads the jobs of keys that were already taken. */
export async function insert(
  sql: Sql,
  time: DatabaseTime,
  inserts: readonly Insert[],
  maybeCommitted: boolean,
): Promise<Inserted[]> {
  if (inserts.length === 0) return []
  const placed = inserts.map((one, place) => ({ ...one, place }))
  const keyed = placed.filter(isKeyed)
  const made = await write(sql, time, placed, keyed).catch((error: unknown) =>
    written(sql, placed, error, maybeCommitted),
  )
  const taken = keyed.filter(({ place }) => !made.has(place))
  const before = taken.length === 0 ? new Map() : await lookUp(sql, taken)
  return Promise.all(
    placed.map(async ({ job, key, place }): Promise<Inserted> => {
      if (key === undefined || made.has(place)) return { job, created: true, fingerprint: key?.fingerprint ?? null }
      const found = before.get(place)
      // Not found: the key was pruned between the two statements and is free again.
      if (found === undefined) return (await insert(sql, time, [{ job, key }], maybeCommitted))[0]!
      // The same job id means that a first try, whose response was lost, took the key.
      return { ...found, created: maybeCommitted && found.job?.id === job.id }
    }),
  )
}

/** Returns the places of the inserted jobs that have a key. */
async function write(
  sql: Sql,
  time: DatabaseTime,
  inserts: readonly Placed[],
  keyed: readonly Keyed[],
): Promise<ReadonlySet<unknown>> {
  const parameters = new Parameters()
  const rank = time.rankOfNew(parameters)
  const limited = inserts.some(({ job }) => hasRare(job))
  const columns = jobColumns[Number(limited)] ?? []
  if (keyed.length === 0) {
    const added = insertNew(parameters.rows('new', columns, inserts), rank, limited)
    await sql.query(`WITH ${added} SELECT`, parameters.values)
    return new Set()
  }
  const rows = parameters.rows('new', [...columns, place], inserts)
  const fresh = `${rows} WHERE new.place <> ALL(${parameters.add(keyed.map((one) => one.place))}::int[]) OR new.place IN (SELECT place FROM free)`
  const made = await sql.query(
    `WITH asked AS MATERIALIZED (
       SELECT * FROM ${parameters.rows('asked', [...keyColumns, place], firstOfEach(keyed))}
     ), keyed AS (
       INSERT INTO uketsuke.idempotency_keys (${names(keyColumns)}) SELECT ${names(keyColumns)} FROM asked
       ON CONFLICT DO NOTHING RETURNING owner, route, key
     ), free AS (
       SELECT place FROM asked WHERE ((owner, route, key) IN (SELECT owner, route, key FROM keyed)) IS TRUE
     ), ${insertNew(fresh, rank, limited)}
     SELECT place FROM free`,
    parameters.values,
  )
  return new Set(made.map((row) => row.place))
}

/**
 * Handles an id that already exists. After a try whose response was lost, finding the same rows stored means that it
 * was committed.
 */
async function written(
  sql: Sql,
  inserts: readonly Placed[],
  error: unknown,
  maybeCommitted: boolean,
): Promise<ReadonlySet<unknown>> {
  if (codeOf(error) !== uniqueViolation) throw error
  const plain = inserts.filter((one) => !isKeyed(one)).map(({ job }) => job)
  const ids = plain.map(({ id }) => id)
  const stored = maybeCommitted ? await get(sql, ids) : []
  if (
    maybeCommitted &&
    plain.every((job, i) => stored[i]?.createdAt === job.createdAt && stored[i].input === job.input)
  ) {
    return new Set()
  }
  throw new UketsukeError('internal-error', 'A job with this id already exists.', { cause: error })
}

export async function keyed(
  sql: Sql,
  owner: string,
  route: string,
  key: string,
): Promise<Omit<Inserted, 'created'> | null> {
  const [row] = await sql.query(
    `SELECT taken.fingerprint, jobs.* FROM uketsuke.idempotency_keys AS taken
     LEFT JOIN ${jobOf('taken.job_id')} ON true WHERE (taken.owner, route, key) = ($1, $2, $3)`,
    [owner, route, key],
  )
  return row === undefined ? null : created(row)
}

/** The jobs of taken keys, by place. Free keys have no entry. */
export async function lookUp(sql: Sql, keyed: readonly Keyed[]): Promise<Map<unknown, Omit<Inserted, 'created'>>> {
  const parameters = new Parameters()
  const rows = await sql.query(
    `SELECT asked.place, taken.fingerprint, jobs.*
     FROM ${parameters.rows('asked', [...keyColumns.slice(0, 3), place], keyed)}
     JOIN uketsuke.idempotency_keys AS taken USING (owner, route, key)
     LEFT JOIN ${jobOf('taken.job_id')} ON true`,
    parameters.values,
  )
  return new Map(rows.map((row) => [row.place, created(row)]))
}

const created = (row: Record<string, unknown>): Omit<Inserted, 'created'> => ({
  job: row.id === null ? null : toJob(row),
  fingerprint: row.fingerprint as string,
})

/**
 * Of equal keys in one batch, the first creates the job. Keys are always inserted in the same order, so that concurrent batches with the
 * same keys wait for one another without a deadlock.
 */
export function firstOfEach(keyed: readonly Keyed[]): Keyed[] {
  const first = new Map(keyed.toReversed().map((one) => [scope(one), one]))
  return [...first].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

const scope = ({ job, key }: Keyed) => JSON.stringify([job.owner, key.route, key.key])
