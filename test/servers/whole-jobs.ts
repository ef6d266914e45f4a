import { jobColumns } from '../../packages/uketsuke/src/store/columns.ts'
import { insertWhole } from '../../packages/uketsuke/src/store/postgres/whole-rows.ts'

/** SQL that stores jobs in PostgreSQL in any state. `columns` are expressions over `from`; the others are null. */
export function insertJobs(columns: Readonly<Record<string, string>>, from: string): string {
  const all = jobColumns.map(({ name, type }) => `(${columns[name] ?? 'NULL'})::${type} AS ${name}`)
  // Many rows are joined: not by nested loops, whatever a test has set for its role.
  return `SET enable_hashjoin = on; ${insertWhole(`(SELECT ${all.join(', ')} FROM ${from}) AS new`)}`
}
