import type { Job, JobStatus } from '../domain/job.ts'
import type { Found, SearchQuery } from './port.ts'

/** Inputs that are longer, in characters, are left out of a search. */
export const longestInput = 65_536
/** If no more jobs than this have the status, a search reads only those. */
const fewJobs = 1_000

/** FROM and WHERE of the statuses with an index of their own, in which they are usually few among many. */
export type IndexedStatuses = Partial<Record<JobStatus, string>>

/** Selects the ids of a status, as far as they are few. Null if the status has no index of its own. */
export function fewSql({ queue, status }: SearchQuery, indexed: IndexedStatuses): string | null {
  const from = status === undefined ? undefined : indexed[status]
  return from === undefined ? null : `SELECT id FROM ${from} AND queue = '${queue}' LIMIT ${fewJobs + 1}`
}

export const areFew = (ids: readonly string[]) => ids.length <= fewJobs

/** The ids to examine among a few. No statement: a planner may walk along the whole table to find them in order. */
export function examinedOf(ids: readonly string[], query: SearchQuery): string[] {
  const { above = '', below, oldestFirst = false, examine } = query
  return ids
    .filter((id) => id > above && (below === undefined || id < below))
    .sort((a, b) => (a < b === oldestFirst ? -1 : 1))
    .slice(0, examine)
}

/** The page, from the jobs that were examined among a few. */
export function pageOf(examined: readonly string[], jobs: ReadonlyMap<string, Job>, query: SearchQuery): Found {
  const { queue, owner, type, status, limit, examine } = query
  const found = examined
    .flatMap((id) => jobs.get(id) ?? [])
    .filter((job) => job.queue === queue && (owner ?? job.owner) === job.owner && (type ?? job.type) === job.type)
    .filter((job) => (status ?? job.status) === job.status)
    .slice(0, limit)
  const last = found.length === limit ? found.at(-1)?.id : examined[examine - 1]
  return { jobs: found, last: last ?? null }
}

/**
 * Walks along one index, by id, and examines `query.examine` rows of it. The queue and the status are literals: a planner uses a partial
 * index only if it sees them. `add` adds a parameter and returns its placeholder.
 */
export function searchSql(query: SearchQuery, table: string, add: (value: string) => string) {
  const { queue, owner, type, status, above, below, oldestFirst, limit, examine } = query
  // Only what an index has: any other condition would skip rows without counting them.
  const along = ['true']
  if (owner !== undefined) along.push(`owner = ${add(owner)}${queue === 'jobs' ? " AND queue = 'jobs'" : ''}`)
  else if (status === 'failed') along.push("status = 'failed'")
  if (above !== undefined) along.push(`id > ${add(above)}`)
  if (below !== undefined) along.push(`id < ${add(below)}`)
  const order = oldestFirst ? 'ORDER BY id' : 'ORDER BY id DESC'
  const examined = (columns: string) => `SELECT ${columns} FROM ${table} WHERE ${along.join(' AND ')} ${order}`
  return {
    /** The id of the last row that may be examined. */
    last: `${examined('id')} LIMIT 1 OFFSET ${examine - 1}`,
    /** The ids that match, in order. Its parameters follow those of `last`. */
    ids() {
      const filters = [`queue = '${queue}'`]
      if (type !== undefined) filters.push(`type = ${add(type)}`)
      if (status !== undefined) filters.push(`status = '${status}'`)
      const columns = status === undefined ? 'id, queue, type' : 'id, queue, type, status'
      return `SELECT id FROM (${examined(columns)} LIMIT ${examine}) AS examined WHERE ${filters.join(' AND ')} ${order} LIMIT ${limit}`
    },
  }
}
