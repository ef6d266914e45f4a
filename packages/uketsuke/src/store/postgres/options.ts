import { assertConfiguration } from '../../base/assert.ts'
import { integerOption } from '../../domain/numbers.ts'

export interface PostgresOptions {
  /** Such as `postgres://user:password@host:5432/database?sslmode=verify-full`. Without one libpq's variables (PGHOST…) count. */
  connectionString?: string
  /** Where the tables are kept; `uketsuke` by default. It is created where it is missing. */
  schema?: string
  /** Connections of this process at most, besides the one that listens; 10 by default. */
  max?: number
  /**
   * Asks the database again and again instead of listening to it, as a pooler that shares connections between transactions
   * (PgBouncer) demands. By default a pooler is noticed by itself; say false where it is known to pool whole sessions.
   */
  pollOnly?: boolean
  /** Milliseconds to get a connection, after which the store is `temporarily-unavailable`; 5,000 by default. */
  connectTimeout?: number
  /** Milliseconds one statement may take, after which its connection is given up; 15,000 by default. */
  statementTimeout?: number
}

export type PostgresSettings = Required<Omit<PostgresOptions, 'connectionString' | 'pollOnly'>> &
  Pick<PostgresOptions, 'connectionString' | 'pollOnly'>

const hour = 60 * 60_000

/** @throws {UketsukeError} `invalid-configuration` */
export function resolveOptions(given: string | PostgresOptions): PostgresSettings {
  const options = typeof given === 'string' ? { connectionString: given } : given
  const { connectionString, pollOnly, schema = 'uketsuke' } = options
  if (connectionString !== undefined) {
    assertConfiguration(
      /^postgres(ql)?:\/\//.test(connectionString),
      'postgres(): the connection string must begin with postgres://',
    )
    assertConfiguration(
      URL.canParse(connectionString),
      'postgres(): the connection string is not a URL; characters such as @ and / need to be %-encoded in a password',
    )
  }
  assertConfiguration(
    /^[a-z_][a-z0-9_]{0,49}$/.test(schema) && !schema.startsWith('pg_'),
    'postgres(): schema must be 1 to 50 of the characters a-z 0-9 _',
  )
  const time = { min: 1, max: hour, of: 'milliseconds' }
  return {
    connectionString,
    pollOnly,
    schema,
    max: integerOption('postgres(): max', options.max, 10, { min: 2, max: 10_000 }),
    connectTimeout: integerOption('postgres(): connectTimeout', options.connectTimeout, 5_000, time),
    statementTimeout: integerOption('postgres(): statementTimeout', options.statementTimeout, 15_000, time),
  }
}
