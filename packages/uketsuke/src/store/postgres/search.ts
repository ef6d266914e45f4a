import type { Job } from '../../domain/job.ts'
import { jobColumns, omitted } from '../columns.ts'
import type { Found, SearchQuery } from '../port.ts'
import { areFew, examinedOf, fewSql, type IndexedStatuses, longestInput, pageOf, searchSql } from '../search-sql.ts'
import type { Sql } from './connection.ts'
import { parked } from './insert-new.ts'
import { Parameters } from './parameters.ts'
import { running, toJob } from './rows.ts'

const indexed: IndexedStatuses = {
  pending: `(SELECT id, queue FROM uketsuke.pending WHERE queue <> '${parked}'
    UNION ALL SELECT id, 'jobs' FROM uketsuke.pending WHERE queue = '${parked}') AS pending WHERE true`,
  running,
}
const shortInput = `CASE WHEN length(input) <= ${longestInput} THEN input ELSE '' END AS input`
const columns = (inputs: boolean) =>
  jobColumns
    .map(({ name }) => (name === 'input' && inputs ? shortInput : `${omitted[name] ?? name} AS ${name}`))
    .join(', ')

export async function search(sql: Sql, query: SearchQuery): Promise<Found> {
  const read = async (ids: readonly string[]): Promise<Map<string, Job>> => {
    const text = `SELECT ${columns(query.inputs === true)} FROM uketsuke.jobs WHERE id = ANY($1::text[])`
    return new Map((await sql.query(text, [ids])).map((row) => [row.id as string, toJob(row)]))
  }
  const few = fewSql(query, indexed)
  const some = few === null ? null : (await sql.query(few, [])).map(({ id }) => id as string)
  if (some !== null && areFew(some)) {
    const examined = examinedOf(some, query)
    return pageOf(examined, await read(examined), query)
  }
  const parameters = new Parameters()
  // The outcomes have the columns that such a search looks at.
  const ofEnded = query.owner === undefined && ['completed', 'failed', 'cancelled'].includes(query.status ?? '')
  const table = ofEnded ? 'uketsuke.ended' : query.status === undefined ? 'uketsuke.accepted' : 'uketsuke.jobs'
  const statements = searchSql(query, table, (value) => parameters.add(value))
  const along = [...parameters.values]
  // What the view adds is not looked at.
  const last = statements.last.replace('uketsuke.jobs', 'uketsuke.accepted')
  const ids = (await sql.query(statements.ids(), parameters.values)).map(({ id }) => id as string)
  const end = ids.length === query.limit ? ids.at(-1) : (await sql.query(last, along))[0]?.id
  const jobs = await read(ids)
  return { jobs: ids.flatMap((id) => jobs.get(id) ?? []), last: (end as string | undefined) ?? null }
}
