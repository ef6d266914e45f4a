import { type Queue, rankAt } from '../../domain/job.ts'
import type { Front } from '../port.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { inRange, readable } from './rows.ts'

/**
 * The place of a pending job in the order of claims. A process of an earlier version, which may still work on the file, writes no rank.
 * Spelled as in the index.
 */
export const place = 'coalesce(jobs.rank, jobs.run_at * 1000)'

/** Pending jobs, each with an index that leads to those of one type and priority, in the order of claims. */
const ready = "jobs INDEXED BY jobs_due WHERE status = 'pending' AND parked IS NULL"
/** They wait for room within their limits. */
export const parked = "jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked = 1"

/**
 * The ready jobs of one type and priority: a range of the index, in claim order. With INDEXED BY, a plan that would
 * scan the whole table is an error.
 */
export const waiting = `FROM ${ready} AND queue = ? AND priority = ? AND type = ?`

/**
 * When the first job of a type and priority, up to a rank, was or is due. Its rank may be earlier than the job itself, if its owner has few.
 */
export function firstRunAt(sql: Sql, priority: string, type: string, rank: number): number | null {
  const text = `SELECT ${readable('run_at')} AS at ${waiting} AND ${place} <= ? ORDER BY ${place} LIMIT 1`
  return (sql.get(text, 'jobs', priority, type, rank)?.at ?? null) as number | null
}

export function fronts(sql: Sql, now: number): Front[] {
  const first = new Map<string, Front>()
  for (const from of [ready, parked]) {
    for (const priority of ['high', 'normal'] as const) {
      for (const type of waitingTypes(sql, 'jobs', priority, from)) {
        const text = `SELECT ${inRange(place)} AS rank FROM ${from} AND queue = 'jobs' AND priority = ? AND type = ? AND ${place} <= ?
          ORDER BY ${place} LIMIT 1`
        const rank = sql.get(text, priority, type, rankAt(now))?.rank as number | undefined
        const known = first.get(`${priority} ${type}`)
        if (rank !== undefined && (known === undefined || rank < known.rank))
          first.set(`${priority} ${type}`, { type, priority, rank })
      }
    }
  }
  return [...first.values()]
}

/** The rowids of the first `most` due jobs of these types. Reads the start of each type's range and merges them. */
export function front(
  sql: Sql,
  { queue, types }: { queue: Queue; types: readonly string[] },
  priority: string,
  most: number,
  now: number,
): number[] {
  const all = types.flatMap((type) =>
    sql.tuples(
      `SELECT ${inRange(place)}, id, rowid ${waiting} AND ${place} <= ? ORDER BY ${place}, id LIMIT ?`,
      ...[queue, priority, type, rankAt(now), most],
    ),
  ) as [rank: number, id: string, row: number][]
  all.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1))
  return all.slice(0, most).map(([, , row]) => row)
}

/**
 * The types that have a ready job of this queue and priority. One index probe per type, regardless of the number of
 * jobs.
 */
export function waitingTypes(sql: Sql, queue: Queue, priority: string, from = ready): string[] {
  const types: string[] = []
  const next = (more: string, ...parameters: Parameter[]) =>
    sql.get(
      `SELECT type FROM ${from} AND queue = ? AND priority = ? ${more} ORDER BY type LIMIT 1`,
      ...[queue, priority, ...parameters],
    )?.type as string | undefined
  for (let type = next(''); type !== undefined; type = next('AND type > ?', type)) types.push(type)
  return types
}
