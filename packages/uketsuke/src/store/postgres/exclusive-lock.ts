import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { pause, performance } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'

/**
 * Every connection of a store at work holds a shared advisory lock on its schema; a migration takes it exclusively. So
 * a migration fails while a store is in use, and no store can start during a migration. Connections through a pooler
 * cannot hold the lock and are detected by their application name. The lock has another key for each layout of the tables, so that a
 * process can tell whether others use an earlier one.
 */
export const lockOf = (schema: string): string => advisoryKey(`uketsuke at work in ${schema}, jobs ranked`)
/** The locks of versions of uketsuke that know only an earlier layout. */
export const earlierLocksOf = (schema: string): string[] =>
  ['', ', jobs split by state'].map((layout) => advisoryKey(`uketsuke at work in ${schema}${layout}`))

/** A key of the server's advisory locks. */
export function advisoryKey(text: string): string {
  return createHash('sha256').update(text).digest().readBigInt64BE().toString()
}

/** The application name of connections at work, as shown by `pg_stat_activity`. */
export const applicationName = (schema: string): string => (schema === 'uketsuke' ? schema : `uketsuke ${schema}`)

/** How long to wait for connections that are closing, in milliseconds. */
const closingTimeout = 5_000

/**
 * Takes the exclusive lock for the lifetime of the connection.
 * @throws {UketsukeError} `store-unusable` if the store stays in use
 */
export async function hold(client: Client, schema: string, where: string): Promise<void> {
  const deadline = performance.now() + closingTimeout
  for (;;) {
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1::bigint) AS got', [
      lockOf(schema),
    ])
    if (rows[0]?.got && (await others(client, schema)) === 0) return
    if (rows[0]?.got) await client.query('SELECT pg_advisory_unlock($1::bigint)', [lockOf(schema)])
    if (performance.now() > deadline) throw inUse(where)
    await pause(100)
  }
}

/**
 * @throws {UketsukeError} `store-unusable` if the store is in use; fails also if the lock was lost with its connection
 */
export async function checkExclusive(client: Client, schema: string, where: string): Promise<void> {
  if ((await others(client, schema)) > 0) throw inUse(where)
}

async function others(client: Client, schema: string): Promise<number> {
  const { rows } = await client.query<{ n: string }>(
    'SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1',
    [applicationName(schema)],
  )
  return Number(rows[0]?.n)
}

const inUse = (where: string) =>
  new UketsukeError(
    'store-unusable',
    `${where} is in use by another process: stop all workers and servers that use it, then run this command again.`,
  )
