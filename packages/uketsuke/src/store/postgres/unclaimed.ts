import type { Unclaimed } from '../port.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import { running } from './rows.ts'
import type { DatabaseTime } from './time.ts'
import { waitingTypes } from './waiting-types.ts'

export async function unclaimed(sql: Sql, time: DatabaseTime, waited: number): Promise<Unclaimed[]> {
  const parameters = new Parameters()
  const now = time.now(parameters)
  const least = parameters.add(waited)
  // The rank of a job of a rarely seen owner may be earlier than the job itself.
  const due = (priority: string) => `
    SELECT types.type, first.run_at FROM ${priority}_types AS types, LATERAL (
      SELECT run_at FROM uketsuke.pending
      WHERE queue = 'jobs' AND priority = '${priority}' AND type = types.type AND rank <= (${now} - ${least}::bigint) * 1000
      ORDER BY rank LIMIT 1) AS first`
  const rows = await sql.query(
    `WITH RECURSIVE ${waitingTypes('high_types', "'jobs'", "'high'")}, ${waitingTypes('normal_types', "'jobs'", "'normal'")}
     SELECT type, ${now} - min(run_at) AS waited FROM (${due('high')} UNION ALL ${due('normal')}) AS due
     WHERE run_at <= ${now} - ${least}::bigint AND type NOT IN (SELECT type FROM ${running} AND lease_until > ${now})
     GROUP BY type ORDER BY waited DESC`,
    parameters.values,
  )
  return rows.map((row) => ({ type: row.type as string, waited: Number(row.waited) }))
}
