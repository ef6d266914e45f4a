import type { JobStatus } from '../domain/job.ts'
import type { SearchQuery } from './port.ts'

/** Inputs that are longer, in characters, are left out of a search. */
export const longestInput = 65_536
/** If no more jobs than this have the status, a search reads only those. */
export const fewJobs = 1_000

/** What differs between the SQL stores. */
interface Dialect {
  /** The table, with its schema. */
  readonly table: string
  /** Adds a parameter and returns its placeholder. */
  add(value: string | number): string
}

/** The jobs of these statuses, found in an index of their own: usually few among many. */
export type IndexedStatuses = Partial<Record<JobStatus, string>>

/** Selects the ids of up to `fewJobs + 1` jobs of a status. Null if the status has no index that begins with it. */
export function fewOf({ queue, status }: SearchQuery, { table }: Pick<Dialect, 'table'>, indexed: IndexedStatuses) {
  const condition = status === undefined ? undefined : indexed[status]
  if (condition === undefined) return null
  return `SELECT id FROM ${table} WHERE ${condition} AND queue = '${queue}' LIMIT ${fewJobs + 1}`
}

/**
 * Walks along one index, by id, and examines `query.examine` rows of it. `among` limits it to these ids. The queue and the status are
 * literals: a planner uses a partial index only if it sees them.
 */
export function searchSql(query: SearchQuery, { table, add }: Dialect, among: string | null) {
  const { queue, owner, type, status, above, below, oldestFirst, limit, examine } = query
  const along = [`queue = '${queue}'`]
  if (among !== null) along.push(`id IN (${among})`)
  if (owner !== undefined) along.push(`owner = ${add(owner)}`)
  if (status === 'failed') along.push("status = 'failed'")
  if (above !== undefined) along.push(`id > ${add(above)}`)
  if (below !== undefined) along.push(`id < ${add(below)}`)
  const order = oldestFirst ? 'ORDER BY id' : 'ORDER BY id DESC'
  const examined = (columns: string) => `SELECT ${columns} FROM ${table} WHERE ${along.join(' AND ')} ${order}`
  return {
    /** The ids that match, in order. Its parameters follow those of `last`. */
    last: `${examined('id')} LIMIT 1 OFFSET ${examine - 1}`,
    ids() {
      const filters = ['true']
      if (type !== undefined) filters.push(`type = ${add(type)}`)
      if (status !== undefined) filters.push(`status = '${status}'`)
      return `SELECT id FROM (${examined('id, type, status')} LIMIT ${examine}) AS examined WHERE ${filters.join(' AND ')} ${order} LIMIT ${limit}`
    },
  }
}
