import { jobColumns, omitted } from '../columns.ts'
import type { Found, SearchQuery } from '../port.ts'
import { fewJobs, fewOf, type IndexedStatuses, longestInput, searchSql } from '../search-sql.ts'
import type { Sql } from './connection.ts'
import { Parameters } from './parameters.ts'
import { running, toJob } from './rows.ts'

const table = 'uketsuke.jobs'
const indexed: IndexedStatuses = { pending: 'due_at IS NOT NULL', running }
const shortInput = `CASE WHEN length(input) <= ${longestInput} THEN input ELSE '' END AS input`
const columns = (inputs: boolean) =>
  jobColumns
    .map(({ name }) => (name === 'input' && inputs ? shortInput : `${omitted[name] ?? name} AS ${name}`))
    .join(', ')

export async function search(sql: Sql, query: SearchQuery): Promise<Found> {
  const parameters = new Parameters()
  const few = fewOf(query, { table }, indexed)
  const some = few === null ? [] : await sql.query(few, [])
  const among = few !== null && some.length <= fewJobs ? some.map(({ id }) => id as string) : null
  const list = among === null ? null : `SELECT unnest(${parameters.add(among)}::text[])`
  const statements = searchSql(query, { table, add: (value) => parameters.add(value) }, list)
  const along = [...parameters.values]
  const ids = (await sql.query(statements.ids(), parameters.values)).map(({ id }) => id as string)
  const last = ids.length === query.limit ? ids.at(-1) : (await sql.query(statements.last, along))[0]?.id
  const rows = await sql.query(`SELECT ${columns(query.inputs === true)} FROM ${table} WHERE id = ANY($1::text[])`, [
    ids,
  ])
  const jobs = new Map(rows.map(toJob).map((job) => [job.id, job]))
  return { jobs: ids.flatMap((id) => jobs.get(id) ?? []), last: (last as string | undefined) ?? null }
}
