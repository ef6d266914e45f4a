import { jobLogKind } from '../records.ts'
import type { Sql } from './connection.ts'

const ended = "queue = 'jobs' AND completed_at IS NOT NULL"
export const endedIndex = {
  name: 'jobs_ended_by_type',
  statement: `CREATE INDEX IF NOT EXISTS jobs_ended_by_type ON uketsuke.jobs (type, id) WHERE ${ended}`,
  for: 'maxKept',
}

/** Skips rows that another process is pruning at the same time. */
export async function pruneType(sql: Sql, type: string, kept: number, limit: number): Promise<number> {
  const mine = `FROM uketsuke.jobs WHERE type = $1 AND ${ended}`
  const [row] = await sql.query(
    `WITH gone AS (
       SELECT id ${mine} AND id <= (SELECT id ${mine} ORDER BY id DESC LIMIT 1 OFFSET $2) AND NOT EXISTS (
         SELECT FROM uketsuke.jobs AS delivery WHERE delivery.parent = jobs.id AND delivery.completed_at IS NULL)
       ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
     ), ended_attempts AS (DELETE FROM uketsuke.attempts WHERE job_id IN (SELECT id FROM gone)
     ), log AS (DELETE FROM uketsuke.records WHERE kind = '${jobLogKind}' AND id IN (SELECT id FROM gone)
     ), pruned AS (DELETE FROM uketsuke.jobs WHERE id IN (SELECT id FROM gone) RETURNING id)
     SELECT count(*) AS n FROM pruned`,
    [type, kept, limit],
  )
  return Number(row?.n)
}
