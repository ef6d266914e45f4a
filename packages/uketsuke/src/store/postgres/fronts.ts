import type { Priority } from '../../domain/job.ts'
import type { Front } from '../port.ts'
import type { Sql } from './connection.ts'
import { parked } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import type { DatabaseTime } from './time.ts'
import { waitingTypes } from './waiting-types.ts'

export async function fronts(sql: Sql, time: DatabaseTime): Promise<Front[]> {
  const parameters = new Parameters()
  const now = time.rank(parameters)
  const parts = (['high', 'normal'] as const).flatMap((priority) =>
    ['jobs', parked].map((queue) => ({ priority, queue, name: `${priority}_${queue}` })),
  )
  const types = parts.map(({ priority, queue, name }) => waitingTypes(name, `'${queue}'`, `'${priority}'`))
  const first = parts.map(
    ({ priority, queue, name }) => `
    SELECT types.type, '${priority}' AS priority, first.rank FROM ${name} AS types, LATERAL (
      SELECT rank FROM uketsuke.pending
      WHERE queue = '${queue}' AND priority = '${priority}' AND type = types.type AND rank <= ${now}
      ORDER BY rank LIMIT 1) AS first`,
  )
  const rows = await sql.query(
    `WITH RECURSIVE ${types.join(', ')}
     SELECT type, priority, min(rank) AS rank FROM (${first.join(' UNION ALL ')}) AS fronts GROUP BY type, priority`,
    parameters.values,
  )
  return rows.map(({ type, priority, rank }) => ({
    type: type as string,
    priority: priority as Priority,
    rank: Number(rank),
  }))
}
