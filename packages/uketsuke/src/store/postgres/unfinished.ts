import type { Unfinished } from '../port.ts'
import { byType } from '../unfinished.ts'
import type { Sql } from './connection.ts'
import { running } from './rows.ts'
import { waitingTypes } from './waiting-types.ts'

/** Counted up to `most` for each type. `now` is that of the database. */
export async function unfinished(sql: Sql, now: number, most: number): Promise<Unfinished[]> {
  const pending = (priority: string) =>
    `SELECT types.type, counted.pending, 0 AS running, counted.oldest FROM ${priority}_types AS types, LATERAL (
       SELECT count(*) AS pending, min(due_at) AS oldest FROM (
         SELECT due_at FROM uketsuke.pending
         WHERE queue = 'jobs' AND priority = '${priority}' AND type = types.type
         ORDER BY due_at LIMIT $1) AS each) AS counted
     WHERE types.type IS NOT NULL`
  const rows = await sql.query(
    `WITH RECURSIVE ${waitingTypes('high_types', "'jobs'", "'high'")}, ${waitingTypes('normal_types', "'jobs'", "'normal'")}
     ${pending('high')} UNION ALL ${pending('normal')} UNION ALL
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
