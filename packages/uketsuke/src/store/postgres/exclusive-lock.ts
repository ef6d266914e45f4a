import { createHash } from 'node:crypto'
import type { Client } from 'pg'
import { pause, performance } from '../../base/timers.ts'
import { UketsukeError } from '../../domain/errors.ts'

/**
 * Each connection of a store at work shares an advisory lock on its schema, and a move wants it alone. So a move fails while anybody
 * works, and nobody begins to work while it lasts. Behind a pooler no lock can be kept; whoever comes that way is known by name.
 */
export const lockOf = (schema: string): string =>
  createHash('sha256').update(`uketsuke at work in ${schema}`).digest().readBigInt64BE().toString()

/** As `pg_stat_activity` shows the connections of stores at work. */
export const applicationName = (schema: string): string => (schema === 'uketsuke' ? schema : `uketsuke ${schema}`)

/** How long whoever is just closing is waited for, in milliseconds. */
const patience = 5_000

/** Waits for the lock, and keeps it for as long as the connection lives. @throws `store-unusable` where somebody stays */
export async function hold(client: Client, schema: string, where: string): Promise<void> {
  const deadline = performance.now() + patience
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

/** @throws `store-unusable` where somebody has come, or the lock was lost with its connection */
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
