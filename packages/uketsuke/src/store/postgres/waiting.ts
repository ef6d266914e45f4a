import { UketsukeError } from '../../domain/errors.ts'
import type { Connection, Sql } from './connection.ts'
import { codeOf } from './errors.ts'

const pending = "queue = 'jobs' AND due_at IS NOT NULL"
const index = `CREATE INDEX IF NOT EXISTS jobs_waiting ON uketsuke.jobs (owner) WHERE ${pending}`
const insufficientPrivilege = '42501'

/** @throws {UketsukeError} `store-unusable` if the user may not create the index */
export async function indexWaiting(connection: Connection, schema: string): Promise<void> {
  const exists = "SELECT FROM pg_indexes WHERE schemaname = $1 AND indexname = 'jobs_waiting'"
  if ((await connection.run((sql) => sql.query(exists, [schema]))).length > 0) return
  try {
    await connection.transaction(async (sql) => {
      // Concurrent CREATE INDEX IF NOT EXISTS can fail on the catalog.
      await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`uketsuke migrations of ${schema}`])
      await sql.query(index, [])
    })
  } catch (error) {
    if (codeOf(error) !== insufficientPrivilege) throw error
    const statement = index.replace('uketsuke.jobs', `"${schema}".jobs`)
    throw new UketsukeError(
      'store-unusable',
      `quotas.waitingJobs needs an index: run "${statement}" as the owner of the table.`,
    )
  }
}

export async function countWaiting(sql: Sql, owner: string, most: number): Promise<number> {
  const jobs = `SELECT FROM uketsuke.jobs WHERE owner = $1 AND ${pending} LIMIT $2`
  const [row] = await sql.query(`SELECT count(*) AS n FROM (${jobs}) AS waiting`, [owner, most])
  return Number(row?.n)
}
