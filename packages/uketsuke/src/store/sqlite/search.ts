import type { Job } from '../../domain/job.ts'
import { jobColumns, omitted } from '../columns.ts'
import type { Found, SearchQuery } from '../port.ts'
import { areFew, examinedOf, fewSql, type IndexedStatuses, longestInput, pageOf, searchSql } from '../search-sql.ts'
import { parked } from './backlog.ts'
import type { Sql } from './connection.ts'
import type { Parameter } from './open.ts'
import { listedColumns, readable, toJob } from './rows.ts'

const indexed: IndexedStatuses = {
  pending: `(SELECT id, queue FROM jobs INDEXED BY jobs_due WHERE status = 'pending' AND parked IS NULL
    UNION ALL SELECT id, queue FROM ${parked}) WHERE true`,
  running: "jobs INDEXED BY jobs_leased WHERE status = 'running'",
  cancelled: "jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL AND status = 'cancelled'",
}
const shortInput = `CASE WHEN length(input) <= ${longestInput} THEN input ELSE '' END`
const withInputs = jobColumns
  .map(({ name }) => (name === 'input' ? shortInput : (omitted[name] ?? readable(name))))
  .join(', ')

export function search(sql: Sql, query: SearchQuery): Found {
  const columns = query.inputs ? withInputs : listedColumns
  const few = fewSql(query, indexed)
  const some = few === null ? null : sql.all(few).map(({ id }) => id as string)
  if (some !== null && areFew(some)) {
    const examined = examinedOf(some, query)
    return pageOf(examined, read(sql, columns, examined), query)
  }
  const parameters: Parameter[] = []
  const statements = searchSql(query, 'jobs', (value) => {
    parameters.push(value)
    return '?'
  })
  const along = [...parameters]
  const ids = sql.all(statements.ids(), ...parameters).map(({ id }) => id as string)
  const last = ids.length === query.limit ? ids.at(-1) : sql.get(statements.last, ...along)?.id
  const jobs = read(sql, columns, ids)
  return { jobs: ids.flatMap((id) => jobs.get(id) ?? []), last: (last as string | undefined) ?? null }
}

function read(sql: Sql, columns: string, ids: readonly string[]): Map<string, Job> {
  const text = `SELECT ${columns} FROM jobs WHERE id IN (SELECT value FROM json_each(?))`
  return new Map(sql.tuples(text, JSON.stringify(ids)).map((row) => [row[0] as string, toJob(row)]))
}
