import { UketsukeError } from '../../domain/errors.ts'
import {
  columns,
  layout,
  type OpenRawTables,
  onConflict,
  type RawTables,
  type Row,
  type TableName,
} from '../raw-tables.ts'
import type { Type } from './binary-array.ts'
import { Connection, type Sql } from './connection.ts'
import { loadDriver, prepareSession } from './driver.ts'
import { toOpenError } from './errors.ts'
import { checkExclusive, hold } from './exclusive-lock.ts'
import { migrate, migrationTimeout } from './migrations/index.ts'
import { type PostgresOptions, resolveOptions } from './options.ts'
import { Parameters } from './parameters.ts'
import type { Value } from './rows.ts'
import { insertWhole } from './whole-rows.ts'

/** Exclusive access to a schema for a migration, held until `close`. */
export function postgresRawTables(options: string | PostgresOptions): OpenRawTables {
  const settings = { ...resolveOptions(options), max: 2 }
  const { schema } = settings
  return async ({ create }) => {
    const driver = await loadDriver(settings, 'alone')
    const where = `PostgreSQL at ${driver.where}, schema "${schema}"`
    const connection = new Connection(driver.pool(), schema, {
      statementTimeout: settings.statementTimeout,
      cancel: driver.cancel,
    })
    const holder = driver.client()
    // `checkExclusive` detects a lost connection.
    holder.on('error', () => {})
    const close = async () => {
      await holder.end().catch(() => {})
      await connection.close()
    }
    try {
      await holder.connect()
      if (!(await prepareSession(holder, null)))
        throw new UketsukeError('store-unusable', `${where} is behind a pooler, ${direct}`)
      await hold(holder, schema, where)
      await connection.transaction(
        async (sql) => {
          if (!create && !(await exists(sql, schema))) {
            throw new UketsukeError('store-unusable', `${where}: the source schema does not exist.`)
          }
          await migrate(sql, schema)
        },
        { limit: migrationTimeout },
      )
      return { ...tablesOf(connection), where, checkExclusive: () => checkExclusive(holder, schema, where), close }
    } catch (error) {
      await close()
      throw toOpenError(driver.where, schema, error)
    }
  }
}

const direct = 'which cannot hold the lock for the migration: connect directly to the server.'

const exists = async (sql: Sql, schema: string) =>
  (await sql.query('SELECT FROM pg_namespace WHERE nspname = $1', [schema])).length > 0

function tablesOf(connection: Connection): Pick<RawTables, 'read' | 'last' | 'write'> {
  const select = async (table: TableName, rest: string, values: readonly Value[]) =>
    (await connection.run((sql) =>
      sql.query(`SELECT ${columns(table)} FROM uketsuke.${table} ${rest}`, values),
    )) as Row[]
  return {
    read(table, after, limit) {
      const { key } = layout(table)
      const values = after === null ? [] : key.map((name) => after[name] ?? null)
      const where = after === null ? '' : `WHERE (${key}) > (${key.map((_, i) => `$${i + 1}`)})`
      return select(table, `${where} ORDER BY ${key} LIMIT $${values.length + 1}`, [...values, limit])
    },
    last: async (table) => {
      const order = layout(table).key.map((name) => `${name} DESC`)
      return (await select(table, `ORDER BY ${order} LIMIT 1`, []))[0] ?? null
    },
    write: (table, rows) => connection.run((sql) => write(sql, table, rows)),
  }
}

/** One idempotent statement, so that it can be repeated if its response was lost. */
async function write(sql: Sql, table: TableName, rows: readonly Row[]): Promise<void> {
  const { text, numbers } = layout(table)
  const of = (type: Type) => (name: string) => [name, type, (row: Row) => row[name] ?? null] as const
  const parameters = new Parameters()
  const from = parameters.rows('new', [...text.map(of('text')), ...numbers.map(of('bigint'))], rows)
  const names = columns(table)
  const insert = `INSERT INTO uketsuke.${table} (${names}) SELECT ${names} FROM ${from} ${onConflict(table)}`
  await sql.query(table === 'jobs' ? insertWhole(from) : insert, parameters.values)
}
