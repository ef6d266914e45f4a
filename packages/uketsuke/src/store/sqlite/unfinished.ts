import type { Unfinished } from '../port.ts'
import { byType } from '../unfinished.ts'
import type { Sql } from './connection.ts'

/** Counted in partial indexes; the rows are never read. */
export function unfinished(sql: Sql, now: number): Unfinished[] {
  const rows = sql.all(
    `SELECT type, count(*) AS pending, 0 AS running, min(run_at) AS oldest FROM jobs INDEXED BY jobs_due
     WHERE status = 'pending' AND queue = 'jobs' GROUP BY priority, type
     UNION ALL
     SELECT type, 0, count(*), NULL FROM jobs INDEXED BY jobs_leased WHERE status = 'running' AND queue = 'jobs' GROUP BY type`,
  )
  return byType(rows as unknown as Unfinished[], now)
}
