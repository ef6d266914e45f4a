import type { Sql } from './connection.ts'

const pending = "queue = 'jobs' AND status = 'pending'"

export const indexWaiting = (sql: Sql): void =>
  sql.script(`CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs (owner) WHERE ${pending}`)

export function countWaiting(sql: Sql, owner: string, most: number): number {
  const jobs = `SELECT 1 FROM jobs INDEXED BY jobs_waiting WHERE owner = ? AND ${pending} LIMIT ?`
  return Number(sql.get(`SELECT count(*) AS n FROM (${jobs})`, owner, most)?.n)
}
