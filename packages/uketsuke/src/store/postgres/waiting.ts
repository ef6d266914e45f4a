import type { Sql } from './connection.ts'

export const waitingIndex = {
  name: 'pending_owned',
  statement: "CREATE INDEX IF NOT EXISTS pending_owned ON uketsuke.pending (owner) WHERE queue <> 'deliveries'",
  for: 'quotas.waitingJobs',
}

export async function countWaiting(sql: Sql, owner: string, most: number): Promise<number> {
  const jobs = "SELECT FROM uketsuke.pending WHERE owner = $1 AND queue <> 'deliveries' LIMIT $2"
  const [row] = await sql.query(`SELECT count(*) AS n FROM (${jobs}) AS waiting`, [owner, most])
  return Number(row?.n)
}
