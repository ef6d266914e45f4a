import type { Sql } from './connection.ts'
import { erase } from './queries.ts'

const ended = "queue = 'jobs' AND completed_at IS NOT NULL"

export const indexEnded = (sql: Sql): void =>
  sql.script(`CREATE INDEX IF NOT EXISTS jobs_ended_by_type ON jobs (type, id) WHERE ${ended}`)

export function pruneType(sql: Sql, type: string, kept: number, limit: number): number {
  const mine = `FROM jobs INDEXED BY jobs_ended_by_type WHERE type = ? AND ${ended}`
  const first = sql.get(`SELECT id ${mine} ORDER BY id DESC LIMIT 1 OFFSET ?`, type, kept)
  if (first === undefined) return 0
  const old = sql.all(
    `SELECT id ${mine} AND id <= ?
       AND NOT EXISTS (SELECT 1 FROM jobs AS delivery WHERE delivery.parent = jobs.id AND delivery.completed_at IS NULL)
     ORDER BY id LIMIT ?`,
    ...[type, first.id as string, limit],
  )
  for (const { id } of old) erase(sql, id as string)
  return old.length
}
