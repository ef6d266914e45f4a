import { assertConfiguration } from '../../base/assert.ts'
import { integerOption } from '../../domain/numbers.ts'

/** The options of `postgres()`. */
export interface PostgresOptions {
  /**
   * The connection URL, such as `postgres://user:password@host:5432/database?sslmode=verify-full`. By default, libpq's
   * environment variables (`PGHOST`, `PGUSER`, …) apply.
   */
  connectionString?: string
  /**
   * The schema of the tables, 1 to 50 of the characters `a-z 0-9 _`; `uketsuke` by default. It is created if it does
   * not exist.
   */
  schema?: string
  /**
   * Maximum number of connections of this process, in addition to the one for LISTEN; from 2 to 10,000, 10 by default.
   */
  max?: number
  /**
   * Polls for other processes' changes instead of using LISTEN, which a transaction pooler such as PgBouncer does not
   * support. By default, a pooler is detected automatically. Set it to false if the pooler is known to pool whole
   * sessions.
   */
  pollOnly?: boolean
  /**
   * Milliseconds to wait for a connection before the store is `temporarily-unavailable`; 5,000 by default, at most one
   * hour.
   */
  connectTimeout?: number
  /**
   * Maximum duration of one statement in milliseconds, after which it is cancelled; 15,000 by default, at most one
   * hour.
   */
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
