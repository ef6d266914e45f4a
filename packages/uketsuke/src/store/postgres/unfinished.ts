import type { Unfinished } from '../port.ts'
import { byType } from '../unfinished.ts'
import type { Sql } from './connection.ts'
import { parked } from './insert-new.ts'
import { running } from './rows.ts'
import { waitingTypes } from './waiting-types.ts'

/** Counted up to `most` for each type. `now` is that of the database. */
export async function unfinished(sql: Sql, now: number, most: number): Promise<Unfinished[]> {
  // The oldest is the first in the order of claims. Its rank may be earlier than the job itself, if its owner has few.
  const pending = (priority: string, name: string, queue: string) => {
    const rows = `uketsuke.pending WHERE queue = '${queue}' AND priority = '${priority}' AND type = types.type`
    const oldest = queue === parked ? 'NULL' : `(SELECT run_at FROM ${rows} ORDER BY rank LIMIT 1)`
    return `SELECT types.type, counted.pending, 0 AS running, ${oldest} AS oldest FROM ${name} AS types, LATERAL (
        SELECT count(*) AS pending FROM (SELECT FROM ${rows} ORDER BY rank LIMIT $1) AS each) AS counted
      WHERE types.type IS NOT NULL`
  }
  const parts = ['high', 'normal'].flatMap((priority) =>
    ['jobs', parked].map((queue) => ({ priority, queue, name: `${priority}_${queue}` })),
  )
  const types = parts.map(({ priority, queue, name }) => waitingTypes(name, `'${queue}'`, `'${priority}'`))
  const counts = parts.map(({ priority, queue, name }) => pending(priority, name, queue))
  const rows = await sql.query(
    `WITH RECURSIVE ${types.join(', ')} ${counts.join(' UNION ALL ')} UNION ALL
     SELECT type, 0, count(*), NULL FROM (
       SELECT type FROM ${running} AND queue = 'jobs' LIMIT $1) AS started GROUP BY type`,
    [most],
  )
  const numbers = rows.map(({ type, pending, running, oldest }) => ({
    type: type as string,
    pending: Number(pending),
    running: Number(running),
    oldest: oldest === null ? null : Number(oldest),
  }))
  return byType(numbers, now, most)
}

export async function countFailed(sql: Sql, most: number): Promise<number> {
  const failed = "SELECT queue FROM uketsuke.ended WHERE status = 'failed' LIMIT $1"
  const [row] = await sql.query(`SELECT count(*) AS n FROM (${failed}) AS failed WHERE queue = 'jobs'`, [most])
  return Number(row?.n)
}
