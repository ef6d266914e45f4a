import { isDeepStrictEqual } from 'node:util'
import type { Change, Job, Lease } from '../../domain/job.ts'
import { encodeText } from '../text-encoding.ts'
import type { Sql } from './connection.ts'
import { askedOf, insertNew } from './insert-new.ts'
import { marking } from './limits.ts'
import { type Move, moveOf, moves } from './moves.ts'
import { Parameters } from './parameters.ts'
import { get } from './queries.ts'
import { type ArrayColumn, sameId } from './rows.ts'
import type { DatabaseTime } from './time.ts'

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
  const moving = new Map<Move, Change[]>()
  for (const change of sorted) {
    const others = moving.get(moveOf(change))
    if (others === undefined) moving.set(moveOf(change), [change])
    else others.push(change)
  }
  // In a fixed order, so that there are few texts to prepare.
  const used = (Object.keys(moves) as Move[]).filter((move) => moving.has(move))
  const parts = used.map((move) => moves[move](parameters, moving.get(move) ?? [], time))
  // Usually all rows are swapped; then their ids need not be returned.
  const [row] = await sql.query(
    `WITH ${parts.join(', ')},
     swapped AS (${used.map((move) => `SELECT id FROM ${move}`).join(' UNION ALL ')})${spawning(parameters, time, sorted)}${marking(parameters, sorted)}
     SELECT CASE WHEN count(*) < ${parameters.add(sorted.length)}::int THEN coalesce(array_agg(id), '{}') END AS some FROM swapped`,
    parameters.values,
  )
  const some = row?.some === null ? null : new Set((row?.some ?? []) as string[])
  const results = changes.map(({ before }) => some === null || some.has(encodeText(before.id)))
  if (maybeCommitted && results.includes(false)) return settled(sql, changes, results)
  return results
}

type Spawned = Job & { cause: string }
const spawnedColumns: readonly ArrayColumn<Spawned>[] = [...askedOf(false), ['cause', 'text', (one) => one.cause]]

function spawning(parameters: Parameters, time: DatabaseTime, changes: readonly Change[]): string {
  const spawned = changes.flatMap(({ before, spawn }): Spawned[] => spawn.map((job) => ({ ...job, cause: before.id })))
  if (spawned.length === 0) return ''
  const from = `${parameters.rows('new', spawnedColumns, spawned)} WHERE (new.cause IN (SELECT id FROM swapped)) IS TRUE`
  return `, ${insertNew(from, time.rankOfNew(parameters), false, 'ON CONFLICT (id) DO NOTHING')}`
}

/** After a try whose response was lost: a row that now equals its intended state was swapped by that try. */
async function settled(sql: Sql, changes: readonly Change[], results: readonly boolean[]): Promise<boolean[]> {
  const now = await get(
    sql,
    changes.map(({ before }) => before.id),
  )
  return changes.map(({ after }, i) => {
    const job = now[i]
    const { leaseUntil, rank, parked } = after
    return results[i] === true || (job != null && isDeepStrictEqual({ ...job, leaseUntil, rank, parked }, after))
  })
}

const held: readonly ArrayColumn<Lease>[] = [
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
    `UPDATE uketsuke.running AS job SET lease_until = ${time.now(parameters)} + ${parameters.add(leaseMs)}::bigint
     FROM ${parameters.rows('held', held, sorted)} WHERE ${sameId('job.id', 'held.id')} AND job.attempt = held.attempt AND job.worker = held.worker
     RETURNING job.id, job.attempt, job.worker, job.version`,
    parameters.values,
  )
  const versions = new Map(rows.map((row) => [key(row.id, row.attempt, row.worker), Number(row.version)]))
  return leases.map(({ id, attempt, worker }) => versions.get(key(id, attempt, worker)) ?? null)
}

const key = (...parts: unknown[]) => JSON.stringify(parts)
