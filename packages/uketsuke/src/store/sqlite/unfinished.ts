import { rankAt } from '../../domain/job.ts'
import type { Unfinished } from '../port.ts'
import { byType } from '../unfinished.ts'
import { firstRunAt, parked, waiting, waitingTypes } from './backlog.ts'
import type { Sql } from './connection.ts'

/** Counted in partial indexes, up to `most` for each type. */
export function unfinished(sql: Sql, now: number, most: number): Unfinished[] {
  const counts: Unfinished[] = []
  for (const priority of ['high', 'normal']) {
    for (const type of waitingTypes(sql, 'jobs', priority)) {
      const row = sql.get(`SELECT count(*) AS n FROM (SELECT 1 ${waiting} LIMIT ?)`, 'jobs', priority, type, most)
      counts.push({ type, pending: Number(row?.n), running: 0, oldest: firstRunAt(sql, priority, type, rankAt(now)) })
    }
  }
  const held = sql.all(
    `SELECT type, count(*) AS pending, 0 AS running, NULL AS oldest FROM (
       SELECT type FROM ${parked} LIMIT ?) GROUP BY type`,
    most,
  )
  const running = sql.all(
    `SELECT type, 0 AS pending, count(*) AS running, NULL AS oldest FROM (
       SELECT type FROM jobs INDEXED BY jobs_leased WHERE status = 'running' AND queue = 'jobs' LIMIT ?) GROUP BY type`,
    most,
  )
  return byType([...counts, ...([...held, ...running] as unknown as Unfinished[])], now, most)
}

export function countFailed(sql: Sql, most: number): number {
  const failed = "SELECT queue FROM jobs INDEXED BY jobs_failed WHERE status = 'failed' LIMIT ?"
  return Number(sql.get(`SELECT count(*) AS n FROM (${failed}) WHERE queue = 'jobs'`, most)?.n)
}
