import type { Queue } from '../../domain/job.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { readable } from './rows.ts'

/**
 * What waits of one type and priority: a range of the index, in the order in which it is claimed. INDEXED BY makes a plan that would walk
 * the whole table an error instead of a slow day.
 */
export const waiting = `FROM jobs INDEXED BY jobs_due WHERE status = 'pending' AND queue = ? AND priority = ? AND type = ?`

/** The rows of the `most` first due jobs of these types, whose fronts are read one after another and merged. */
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

/** The types of which a job of this queue and priority waits: one probe of the index for each, however many jobs there are. */
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
