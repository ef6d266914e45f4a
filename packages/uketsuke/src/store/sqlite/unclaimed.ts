import { rankAt } from '../../domain/job.ts'
import type { Unclaimed } from '../port.ts'
import { firstRunAt, waitingTypes } from './backlog.ts'
import type { Sql } from './connection.ts'

export function unclaimed(sql: Sql, now: number, waited: number): Unclaimed[] {
  const runs = sql.all(
    "SELECT DISTINCT type FROM jobs INDEXED BY jobs_leased WHERE status = 'running' AND lease_until > ?",
    now,
  )
  const running = new Set(runs.map(({ type }) => type))
  const since = new Map<string, number>()
  for (const priority of ['high', 'normal']) {
    for (const type of waitingTypes(sql, 'jobs', priority)) {
      const first = firstRunAt(sql, priority, type, rankAt(now - waited))
      if (first !== null && first <= now - waited && !running.has(type))
        since.set(type, Math.min(first, since.get(type) ?? first))
    }
  }
  return [...since].map(([type, time]) => ({ type, waited: now - time })).sort((a, b) => b.waited - a.waited)
}
