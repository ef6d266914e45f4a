import type { Sql } from './connection.ts'

const pending = "queue = 'jobs' AND due_at IS NOT NULL"
export const waitingIndex = {
  name: 'jobs_waiting',
  statement: `CREATE INDEX IF NOT EXISTS jobs_waiting ON uketsuke.jobs (owner) WHERE ${pending}`,
  for: 'quotas.waitingJobs',
}

export async function countWaiting(sql: Sql, owner: string, most: number): Promise<number> {
  const jobs = `SELECT FROM uketsuke.jobs WHERE owner = $1 AND ${pending} LIMIT $2`
  const [row] = await sql.query(`SELECT count(*) AS n FROM (${jobs}) AS waiting`, [owner, most])
  return Number(row?.n)
}
