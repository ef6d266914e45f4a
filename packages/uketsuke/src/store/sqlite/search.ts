import { jobColumns, omitted } from '../columns.ts'
import type { Found, SearchQuery } from '../port.ts'
import { fewJobs, fewOf, type IndexedStatuses, longestInput, searchSql } from '../search-sql.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { listedColumns, readable, toJob } from './rows.ts'

const indexed: IndexedStatuses = {
  pending: "status = 'pending'",
  running: "status = 'running'",
  cancelled: "completed_at IS NOT NULL AND status = 'cancelled'",
}
const shortInput = `CASE WHEN length(input) <= ${longestInput} THEN input ELSE '' END`
const withInputs = jobColumns
  .map(({ name }) => (name === 'input' ? shortInput : (omitted[name] ?? readable(name))))
  .join(', ')

export function search(sql: Sql, query: SearchQuery): Found {
  const table = 'jobs'
  const parameters: Parameter[] = []
  const add = (value: Parameter) => {
    parameters.push(value)
    return '?'
  }
  const few = fewOf(query, { table }, indexed)
  const some = few === null ? [] : sql.all(few)
  const among = few !== null && some.length <= fewJobs ? 'SELECT value FROM json_each(?)' : null
  if (among !== null) add(JSON.stringify(some.map(({ id }) => id)))
  const statements = searchSql(query, { table, add }, among)
  const along = [...parameters]
  const ids = sql.all(statements.ids(), ...parameters).map(({ id }) => id as string)
  const last = ids.length === query.limit ? ids.at(-1) : sql.get(statements.last, ...along)?.id
  const columns = query.inputs ? withInputs : listedColumns
  const rows = sql.tuples(
    `SELECT ${columns} FROM jobs WHERE id IN (SELECT value FROM json_each(?))`,
    JSON.stringify(ids),
  )
  const jobs = new Map(rows.map(toJob).map((job) => [job.id, job]))
  return { jobs: ids.flatMap((id) => jobs.get(id) ?? []), last: (last as string | undefined) ?? null }
}
