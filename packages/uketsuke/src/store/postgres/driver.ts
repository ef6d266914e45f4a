import type { Client, ClientBase, ClientConfig, Pool } from 'pg'
import { UketsukeError } from '../../domain/errors.ts'
import { applicationName, lockOf } from './exclusive-lock.ts'
import type { PostgresSettings } from './options.ts'
import { pageSettings, planSettings } from './prepared-statements.ts'

export interface Driver {
  pool(): Pool
  /** A separate connection, for LISTEN. */
  client(): Client
  /** Asks the server, over a separate connection, to cancel the current statement of a client. */
  cancel(client: ClientBase): void
  /** The address, without the password. */
  readonly where: string
  /**
   * Whether the connection goes directly to the server rather than through a pooler. Known after the first connection.
   */
  readonly direct: boolean
}

/**
 * Loads `pg`, an optional peer dependency that is imported only here. `purpose` is `work` for a store in use and
 * `alone` for diagnosis and for migrations, which need exclusive access.
 */
export async function loadDriver(settings: PostgresSettings, purpose: 'work' | 'alone' = 'work'): Promise<Driver> {
  const { default: pg } = await import('pg').catch((error: unknown) => {
    const sentence = 'postgres() requires the package "pg", which is not installed: run npm install pg'
    throw new UketsukeError('invalid-configuration', sentence, { cause: error })
  })
  const { connectionString, connectTimeout, statementTimeout, max, schema } = settings
  const atWork = purpose === 'work' ? schema : null
  const config: ClientConfig = {
    connectionString,
    application_name: atWork === null ? 'uketsuke migrate' : applicationName(atWork),
    keepAlive: true,
    pipeline: true,
    connectionTimeoutMillis: connectTimeout,
    // Statements of the pool set their own limit; this one applies to all others.
    query_timeout: statementTimeout,
    types: { getTypeParser: (type, format) => (type === int8 ? Number : pg.types.getTypeParser(type, format)) },
  }
  const { host, port, database, user } = new pg.Client(config)
  let direct = true
  const onConnect = async (client: ClientBase) => {
    direct = await prepareSession(client, atWork)
  }
  return {
    get direct() {
      return direct
    },
    // An idle pool does not keep the process alive, so a program that only enqueues can exit.
    pool: () => new pg.Pool({ ...config, max, onConnect, allowExitOnIdle: true }),
    client: () => new pg.Client(config),
    cancel(client) {
      const canceller = new pg.Client({ ...config, ssl: false }) as unknown as CancellingClient
      // Sent unencrypted, as the protocol specifies. If it fails, the client's own time limit applies.
      canceller.connection.on('error', () => {})
      canceller.cancel(client, (client as unknown as CancellingClient).activeQuery)
    },
    where: `${user ?? ''}@${host}:${port}/${database ?? ''}`,
  }
}

/** Members that are missing in the types of `pg`. */
interface CancellingClient {
  readonly connection: NodeJS.EventEmitter
  readonly activeQuery: unknown
  cancel(client: ClientBase, query: unknown): void
}

const int8 = 20

/**
 * Prepares a new session. A server or role may be configured to acknowledge commits before they are on disk, which
 * would break the promise of a 202, or to use an isolation level other than READ COMMITTED, in which a statement that
 * waited for a lock fails. A session at work also takes a shared lock on its schema (`exclusive-lock.ts`). Returns
 * whether the connection is direct: a pooler reports a process id of its own and keeps neither settings nor locks.
 */
export async function prepareSession(client: ClientBase, atWork: string | null): Promise<boolean> {
  const { processID = 0 } = client as ClientBase & { processID?: number }
  const settings = atWork === null ? pageSettings : planSettings
  const { rows } = await client.query<{ direct: boolean; free: boolean | null }>(
    `SELECT pg_backend_pid() = $1::int AS direct, CASE
       WHEN pg_backend_pid() = $1::int AND current_setting('synchronous_commit') = 'off'
       THEN set_config('synchronous_commit', 'on', false) END,
       CASE WHEN pg_backend_pid() = $1::int THEN set_config('default_transaction_isolation', 'read committed', false) END,
       CASE WHEN pg_backend_pid() = $1::int AND $2::text IS NOT NULL THEN pg_try_advisory_lock_shared($2::bigint) END AS free,
       CASE WHEN pg_backend_pid() = $1::int THEN (
         SELECT count(set_config(name, value, false)) FROM unnest($3::text[], $4::text[]) AS planning (name, value)) END`,
    [processID, atWork === null ? null : lockOf(atWork), Object.keys(settings), Object.values(settings)],
  )
  if (rows[0]?.free === false) {
    const sentence = `The schema "${atWork}" is being migrated by "uketsuke migrate"; try again when the migration is complete.`
    throw new UketsukeError('temporarily-unavailable', sentence, { retryAfter: 5 })
  }
  return rows[0]?.direct === true
}
