import { UketsukeError } from '../../domain/errors.ts'
import { type Connection, inSchema } from './connection.ts'
import { codeOf } from './errors.ts'

/** An index that only one option needs. */
interface ExtraIndex {
  readonly name: string
  readonly statement: string
  /** The option, for the error message. */
  readonly for: string
}

const insufficientPrivilege = '42501'

/** Creates the index if it does not exist. @throws {UketsukeError} `store-unusable` if the user may not create it */
export async function createIndex(connection: Connection, schema: string, index: ExtraIndex): Promise<void> {
  const exists = 'SELECT FROM pg_indexes WHERE schemaname = $1 AND indexname = $2'
  if ((await connection.run((sql) => sql.query(exists, [schema, index.name]))).length > 0) return
  try {
    await connection.transaction(async (sql) => {
      // Concurrent CREATE INDEX IF NOT EXISTS can fail on the catalog.
      await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`uketsuke migrations of ${schema}`])
      await sql.query(index.statement, [])
    })
  } catch (error) {
    if (codeOf(error) !== insufficientPrivilege) throw error
    const statement = inSchema(schema, index.statement)
    throw new UketsukeError(
      'store-unusable',
      `${index.for} needs an index: run "${statement}" as the owner of the table.`,
    )
  }
}
