import { isDeepStrictEqual } from 'node:util'
import type { Change, Job, Lease } from '../../domain/job.ts'
import { encodeText } from '../text-encoding.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import { get } from './queries.ts'
import { changing, ended, names, type Value, whole } from './rows.ts'
import type { DatabaseTime } from './time.ts'

type Spawned = Job & { cause: string }
const cause: readonly [string, 'text', (of: Spawned) => Value] = ['cause', 'text', (one) => one.cause]
const expected: readonly [string, 'int', (of: Change) => Value] = ['expected', 'int', ({ before }) => before.version]
const swapped = changing.map(([name, type, value]) => [name, type, (one: Change) => value(one.after)] as const)
/** The columns of the attempt that a change ends. They are null if it ends none. */
const logged = ended.map(
  ([name, type, value]) => [`ended_${name}`, type, ({ attempt }: Change) => attempt && value(attempt)] as const,
)
const set = changing
  .filter(([name]) => name !== 'id' && name !== 'lease_until')
  .map(([name]) => `${name} = new.${name}`)

/**
 * Compare-and-swap by version in one statement, including the spawned jobs and ended attempts of the swapped rows. Rows
 * are locked in id order, so that concurrent batches with the same ids wait for one another without a deadlock.
 */
export async function replace(
  sql: Sql,
  time: DatabaseTime,
  changes: readonly Change[],
  maybeCommitted: boolean,
): Promise<boolean[]> {
  if (changes.length === 0) return []
  const sorted = changes.toSorted((a, b) => (a.before.id < b.before.id ? -1 : 1))
  const parameters = new Parameters()
  const ending = sorted.some(({ attempt }) => attempt !== null)
  const parts = [
    `swapped AS (
       UPDATE uketsuke.jobs AS old SET ${set.join(', ')}, due_at = ${time.due(parameters)},
         lease_until = CASE WHEN new.lease_until IS NOT NULL THEN greatest(new.lease_until, old.lease_until) END
       FROM ${parameters.rows('new', ending ? [...swapped, expected, ...logged] : [...swapped, expected], sorted)}
       WHERE old.id = new.id AND old.version = new.expected
       RETURNING old.id${ending ? `, old.version, ${names(logged)}` : ''}
     )`,
    spawning(parameters, time, sorted),
    ending &&
      `logged AS (
         INSERT INTO uketsuke.attempts (job_id, version, ${names(ended)})
         SELECT id, version, ${names(logged)} FROM swapped WHERE ended_outcome IS NOT NULL
       )`,
  ]
  // Usually all rows are swapped; then their ids need not be returned.
  const [row] = await sql.query(
    `WITH ${parts.filter(Boolean).join(', ')}
     SELECT CASE WHEN count(*) < ${parameters.add(sorted.length)}::int THEN coalesce(array_agg(id), '{}') END AS some FROM swapped`,
    parameters.values,
  )
  const some = row?.some === null ? null : new Set((row?.some ?? []) as string[])
  const results = changes.map(({ before }) => some === null || some.has(encodeText(before.id)))
  if (maybeCommitted && results.includes(false)) return settled(sql, changes, results)
  return results
}

function spawning(parameters: Parameters, time: DatabaseTime, changes: readonly Change[]): string {
  const spawned = changes.flatMap(({ before, spawn }): Spawned[] => spawn.map((job) => ({ ...job, cause: before.id })))
  if (spawned.length === 0) return ''
  const columns = names(whole)
  return `spawned AS (
    INSERT INTO uketsuke.jobs (${columns}, due_at) SELECT ${columns}, ${time.due(parameters)}
    FROM ${parameters.rows('new', [...whole, cause], spawned)}
    WHERE (new.cause IN (SELECT id FROM swapped)) IS TRUE ON CONFLICT (id) DO NOTHING
  )`
}

/** After a try whose response was lost: a row that now equals its intended state was swapped by that try. */
async function settled(sql: Sql, changes: readonly Change[], results: readonly boolean[]): Promise<boolean[]> {
  const now = await get(
    sql,
    changes.map(({ before }) => before.id),
  )
  return changes.map(({ after }, i) => {
    const job = now[i]
    return results[i] === true || (job != null && isDeepStrictEqual({ ...job, leaseUntil: after.leaseUntil }, after))
  })
}

const held: readonly (readonly [string, 'text' | 'int', (of: Lease) => Value])[] = [
  ['id', 'text', ({ id }) => id],
  ['attempt', 'int', ({ attempt }) => attempt],
  ['worker', 'text', ({ worker }) => worker],
]

export async function renew(
  sql: Sql,
  time: DatabaseTime,
  leases: readonly Lease[],
  leaseMs: number,
): Promise<(number | null)[]> {
  if (leases.length === 0) return []
  const sorted = leases.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const parameters = new Parameters()
  const rows = await sql.query(
    `UPDATE uketsuke.jobs AS job SET lease_until = ${time.now(parameters)} + ${parameters.add(leaseMs)}::bigint
     FROM ${parameters.rows('held', held, sorted)}
     WHERE job.id = held.id AND job.attempt = held.attempt AND job.worker = held.worker AND job.status = 'running'
     RETURNING job.id, job.attempt, job.worker, job.version`,
    parameters.values,
  )
  const versions = new Map(rows.map((row) => [key(row.id, row.attempt, row.worker), Number(row.version)]))
  return leases.map(({ id, attempt, worker }) => versions.get(key(id, attempt, worker)) ?? null)
}

const key = (...parts: unknown[]) => JSON.stringify(parts)
