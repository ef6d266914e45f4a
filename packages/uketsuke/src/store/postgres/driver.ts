import type { Client, ClientBase, ClientConfig, Pool } from 'pg'
import { UketsukeError } from '../../domain/errors.ts'
import { applicationName, lockOf } from './exclusive-lock.ts'
import type { PostgresSettings } from './options.ts'
import { planSettings } from './prepared-statements.ts'

export interface Driver {
  pool(): Pool
  /** A connection of its own, for listening. */
  client(): Client
  /** Asks the server, over a connection of its own, to end what a client's session is doing. */
  cancel(client: ClientBase): void
  /** Where it connects to, without the password. */
  readonly where: string
  /** Whether the server itself was reached and not a pooler; known once a connection was made. */
  readonly direct: boolean
}

/**
 * `pg` is the user's to install: it is loaded here and nowhere else, so that whoever uses another store does not need it. Connections
 * are made for work, or for a move, which wants to be alone.
 */
export async function loadDriver(settings: PostgresSettings, purpose: 'work' | 'alone' = 'work'): Promise<Driver> {
  const { default: pg } = await import('pg').catch((error: unknown) => {
    const sentence = 'postgres() needs the package "pg", which is not installed: npm install pg'
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
    // Each statement of the pool has a limit of its own; this is for the others.
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
    // An idle pool keeps no program alive: one that only enqueues ends when it has.
    pool: () => new pg.Pool({ ...config, max, onConnect, allowExitOnIdle: true }),
    client: () => new pg.Client(config),
    cancel(client) {
      const canceller = new pg.Client({ ...config, ssl: false }) as unknown as CancellingClient
      // In plain text, as the protocol has it. Where it does not get through, the client's own limit is next.
      canceller.connection.on('error', () => {})
      canceller.cancel(client, (client as unknown as CancellingClient).activeQuery)
    },
    where: `${user ?? ''}@${host}:${port}/${database ?? ''}`,
  }
}

/** What pg's types leave out. */
interface CancellingClient {
  readonly connection: NodeJS.EventEmitter
  readonly activeQuery: unknown
  cancel(client: ClientBase, query: unknown): void
}

const int8 = 20

/**
 * A server or a role may have been told to answer a commit before it is on disk; a 202 must not come from there. It may also have
 * another isolation level than read committed, in which a statement that waited for a lock fails instead of looking again. Who is at work in a
 * schema says so by a lock (`alone.ts`). Gives whether this is the server itself: a pooler tells a process id of its own, and keeps
 * neither settings nor locks for us.
 */
export async function prepareSession(client: ClientBase, atWork: string | null): Promise<boolean> {
  const { processID = 0 } = client as ClientBase & { processID?: number }
  const { rows } = await client.query<{ direct: boolean; free: boolean | null }>(
    `SELECT pg_backend_pid() = $1::int AS direct, CASE
       WHEN pg_backend_pid() = $1::int AND current_setting('synchronous_commit') = 'off'
       THEN set_config('synchronous_commit', 'on', false) END,
       CASE WHEN pg_backend_pid() = $1::int THEN set_config('default_transaction_isolation', 'read committed', false) END,
       CASE WHEN pg_backend_pid() = $1::int AND $2::text IS NOT NULL THEN pg_try_advisory_lock_shared($2::bigint) END AS free,
       CASE WHEN pg_backend_pid() = $1::int AND $2::text IS NOT NULL THEN (
         SELECT count(set_config(name, value, false)) FROM unnest($3::text[], $4::text[]) AS planning (name, value)) END`,
    [
      processID,
      atWork === null ? null : lockOf(atWork),
      planSettings.map(([name]) => name),
      planSettings.map(([, value]) => value),
    ],
  )
  if (rows[0]?.free === false) {
    const sentence = `The schema "${atWork}" is being moved by "uketsuke migrate"; it can be used when that is done.`
    throw new UketsukeError('temporarily-unavailable', sentence, { retryAfter: 5 })
  }
  return rows[0]?.direct === true
}
