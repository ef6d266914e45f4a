import { UketsukeError } from '../../../domain/errors.ts'
import type { Sql } from '../connection.ts'
import { earlierLocksOf } from '../exclusive-lock.ts'
import { jobs } from './001-jobs.ts'
import { dueByType } from './002-due-by-type.ts'
import { records } from './003-records.ts'
import { trace } from './004-trace.ts'
import { splitByState } from './005-split-by-state.ts'
import { uniqueKeys } from './006-unique-keys.ts'
import { ranksAndLimits } from './007-ranks-and-limits.ts'
import { fragmentsAndFiles } from './008-fragments-and-files.ts'

/** Forward only: released migrations never change; new ones are appended. */
const migrations: readonly string[] = [
  jobs,
  dueByType,
  records,
  trace,
  splitByState,
  uniqueKeys,
  ranksAndLimits,
  fragmentsAndFiles,
]
export const schemaVersion = migrations.length
/** A migration may copy tables. In milliseconds. */
export const migrationTimeout = 24 * 60 * 60_000
/** The version since which the tables have their present layout. */
const presentLayout = 7

/**
 * Several processes may start at the same time. The first to get the advisory lock migrates; the others find the new
 * version. The lock is bound to the transaction, so it also works behind a connection pooler. `sql` must be in a
 * transaction.
 */
export async function migrate(sql: Sql, schema: string): Promise<void> {
  // Read before taking the lock, so that a user with only row privileges can start on an up-to-date schema.
  if ((await version(sql, schema)) === migrations.length) return writable(sql, schema)
  await sql.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`uketsuke migrations of ${schema}`])
  const found = await version(sql, schema)
  if (found === migrations.length) return
  if (found > migrations.length) {
    const sentence = `The schema "${schema}" is at version ${found}, but this version of uketsuke supports only up to ${migrations.length}`
    throw new UketsukeError('store-unusable', `${sentence}: upgrade uketsuke.`)
  }
  if (found === 0) {
    const [there] = await sql.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])
    if (there === undefined) await sql.query('CREATE SCHEMA uketsuke', [])
    else await vacant(sql, schema)
    await sql.query(
      'CREATE TABLE uketsuke.migrations (version integer PRIMARY KEY, applied_at timestamptz NOT NULL)',
      [],
    )
  }
  if (found > 0 && found < presentLayout) await withoutEarlierProcesses(sql, schema)
  for (const [i, migration] of migrations.entries()) {
    if (i < found) continue
    await sql.script(migration)
    await sql.query('INSERT INTO uketsuke.migrations VALUES ($1, now())', [i + 1])
  }
}

/**
 * Earlier versions of uketsuke cannot work on the new tables. The lock is held until the migration is committed; after that, they refuse the
 * version of the schema.
 */
async function withoutEarlierProcesses(sql: Sql, schema: string): Promise<void> {
  const locks = 'SELECT bool_and(pg_try_advisory_xact_lock(lock)) AS free FROM unnest($1::bigint[]) AS each (lock)'
  const [row] = await sql.query(locks, [earlierLocksOf(schema)])
  if (row?.free === true) return
  const sentence = `Processes with an earlier version of uketsuke are using the schema "${schema}", whose tables this version replaces`
  throw new UketsukeError('store-unusable', `${sentence}: stop all of them, then start this version.`)
}

async function version(sql: Sql, schema: string): Promise<number> {
  // Reads the catalog tables, because to_regclass() may return the state from before the wait for the lock.
  const [there] = await sql.query('SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2', [
    schema,
    'migrations',
  ])
  if (there === undefined) return 0
  const [row] = await sql.query('SELECT max(version) AS version FROM uketsuke.migrations', [])
  return Number(row?.version ?? 0)
}

async function vacant(sql: Sql, schema: string): Promise<void> {
  const [row] = await sql.query('SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 LIMIT 1', [schema])
  if (row === undefined) return
  throw new UketsukeError(
    'store-unusable',
    `The schema "${schema}" belongs to another program: it contains the table "${row.name}". Specify another schema with the option schema.`,
  )
}

/** Checks the privileges at startup: a read-only user would fail only at the first job. */
async function writable(sql: Sql, schema: string): Promise<void> {
  const [row] = await sql.query(
    `SELECT bool_and(has_table_privilege(format('%I.%I', $1::text, name), wanted))
       AND has_table_privilege(format('%I.jobs', $1::text), 'SELECT') AS fine, current_user AS me
     FROM unnest('{accepted,pending,running,ended,attempts,idempotency_keys,unique_keys,limit_marks,key_states,fragments,shared,records}'::text[]) AS name,
       unnest('{SELECT,INSERT,UPDATE,DELETE}'::text[]) AS wanted`,
    [schema],
  )
  if (row?.fine === true) return
  throw new UketsukeError(
    'store-unusable',
    `The user "${row?.me}" lacks privileges on the schema "${schema}": grant SELECT, INSERT, UPDATE and DELETE on its tables.`,
  )
}
