import { statSync } from 'node:fs'
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
import { Connection } from './connection.ts'
import { toOpenError } from './errors.ts'
import { migrate } from './migrations/index.ts'
import { databasePath, open, type Parameter } from './open.ts'

/** Exclusive access to a database file for a migration, held until `close`. */
export function sqliteRawTables(given: string): OpenRawTables {
  const path = databasePath(given)
  return async ({ create }) => {
    if (path === ':memory:')
      throw new UketsukeError('store-unusable', 'An in-memory store cannot be migrated: specify a file.')
    if (!create && statSync(path, { throwIfNoEntry: false }) === undefined) {
      throw new UketsukeError('store-unusable', `The source file "${path}" does not exist.`)
    }
    let db: Connection | null = null
    try {
      db = new Connection(await open(path))
      await lock(db)
      await migrate(db, path)
      return rawTables(db, path)
    } catch (error) {
      await db?.close()
      throw inUse(path, error) ?? toOpenError(path, error)
    }
  }
}

/**
 * Every open connection in WAL mode keeps a shared lock on the file, even if idle. In exclusive mode, SQLite must own
 * the file before it accesses the log and then keeps the lock. So this waits for connections that are closing, and
 * fails if one stays open.
 */
async function lock(db: Connection): Promise<void> {
  await db.read((sql) =>
    sql.script('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL'),
  )
  await db.read((sql) => sql.get('PRAGMA journal_mode = WAL'))
  await db.write((sql) => sql.script('PRAGMA user_version'))
}

function inUse(path: string, error: unknown): UketsukeError | null {
  if (!(error instanceof UketsukeError) || error.code !== 'temporarily-unavailable') return null
  const sentence = `"${path}" is in use by another process: stop all workers and servers that use it, then run this command again.`
  return new UketsukeError('store-unusable', sentence, { cause: error })
}

function rawTables(db: Connection, path: string): RawTables {
  const select = (table: TableName) => `SELECT ${columns(table).join(', ')} FROM ${table}`
  const order = (table: TableName, way = '') => `ORDER BY ${keyOf(table).map((name) => name + way)}`
  return {
    where: `SQLite "${path}"`,
    read: (table, after, limit) =>
      db.read((sql) => {
        const key = keyOf(table)
        const where = after === null ? '' : `WHERE (${key}) > (${key.map(() => '?')})`
        return sql.all(`${select(table)} ${where} ${order(table)} LIMIT ?`, ...valuesOf(after, key), limit) as Row[]
      }),
    last: (table) =>
      db.read((sql) => (sql.get(`${select(table)} ${order(table, ' DESC')} LIMIT 1`) ?? null) as Row | null),
    write: (table, rows) =>
      db.write((sql) => {
        const names = columns(table)
        const insert = `INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')}) ${onConflict(table)}`
        for (const row of rows) sql.run(insert, ...valuesOf(row, names))
      }),
    // The file lock guarantees it.
    async checkExclusive() {},
    close: () => db.close(),
  }
}

const keyOf = (table: TableName) => layout(table).key
const valuesOf = (row: Row | null, names: readonly string[]): Parameter[] =>
  row === null ? [] : names.map((name) => row[name] ?? null)
