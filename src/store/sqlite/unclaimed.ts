import type { Unclaimed } from '../port.ts'
import type { Sql } from './connection.ts'
import { readable } from './rows.ts'

/** Of a long backlog only the front is looked at: what waits longest is there. */
const front = 1_000

export function unclaimed(sql: Sql, now: number, waited: number): Unclaimed[] {
  const due = (priority: string) => `
    SELECT * FROM (
      SELECT type, ${readable('run_at')} AS run_at FROM jobs INDEXED BY jobs_due
      WHERE status = 'pending' AND queue = 'jobs' AND priority = '${priority}' AND run_at <= ?1 ORDER BY jobs.run_at LIMIT ${front})`
  const rows = sql.all(
    `SELECT type, min(run_at) AS since FROM (${due('high')} UNION ALL ${due('normal')})
     WHERE type NOT IN (SELECT type FROM jobs INDEXED BY jobs_leased WHERE status = 'running' AND lease_until > ?2)
     GROUP BY type ORDER BY since`,
    now - waited,
    now,
  )
  return rows.map(({ type, since }) => ({ type: type as string, waited: now - (since as number) }))
}
