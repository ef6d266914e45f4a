import type { Unfinished } from '../port.ts'
import { byType } from '../unfinished.ts'
import type { Sql } from './connection.ts'
import { running } from './rows.ts'

/** Counted in partial indexes. `now` is that of the database. */
export async function unfinished(sql: Sql, now: number): Promise<Unfinished[]> {
  const rows = await sql.query(
    `SELECT type, count(*) AS pending, 0 AS running, min(due_at) AS oldest FROM uketsuke.jobs
     WHERE due_at IS NOT NULL AND queue = 'jobs' GROUP BY type
     UNION ALL
     SELECT type, 0, count(*), NULL FROM uketsuke.jobs WHERE ${running} AND queue = 'jobs' GROUP BY type`,
    [],
  )
  const numbers = rows.map(({ type, pending, running, oldest }) => ({
    type: type as string,
    pending: Number(pending),
    running: Number(running),
    oldest: oldest === null ? null : Number(oldest),
  }))
  return byType(numbers, now)
}
