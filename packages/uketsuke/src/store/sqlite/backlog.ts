import type { Queue } from '../../domain/job.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { readable } from './rows.ts'

/**
 * The pending jobs of one type and priority: a range of the index, in claim order. With INDEXED BY, a plan that would
 * scan the whole table is an error.
 */
export const waiting = `FROM jobs INDEXED BY jobs_due WHERE status = 'pending' AND queue = ? AND priority = ? AND type = ?`

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
      `SELECT ${readable('run_at')}, id, rowid ${waiting} AND run_at <= ? ORDER BY jobs.run_at, id LIMIT ?`,
      ...[queue, priority, type, now, most],
    ),
  ) as [runAt: number, id: string, row: number][]
  all.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1))
  return all.slice(0, most).map(([, , row]) => row)
}

/**
 * The types that have a pending job of this queue and priority. One index probe per type, regardless of the number of
 * jobs.
 */
export function waitingTypes(sql: Sql, queue: Queue, priority: string): string[] {
  const types: string[] = []
  const next = (more: string, ...parameters: Parameter[]) =>
    sql.get(
      `SELECT type FROM jobs INDEXED BY jobs_due WHERE status = 'pending' AND queue = ? AND priority = ? ${more} ORDER BY type LIMIT 1`,
      ...[queue, priority, ...parameters],
    )?.type as string | undefined
  for (let type = next(''); type !== undefined; type = next('AND type > ?', type)) types.push(type)
  return types
}
