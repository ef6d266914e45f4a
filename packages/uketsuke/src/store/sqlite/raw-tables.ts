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

/** Everything in a file, for moving it: the file is held alone until `close`. */
export function sqliteRawTables(given: string): OpenRawTables {
  const path = databasePath(given)
  return async ({ create }) => {
    if (path === ':memory:')
      throw new UketsukeError('store-unusable', 'A store in memory can be moved neither from nor to: name a file.')
    if (!create && statSync(path, { throwIfNoEntry: false }) === undefined) {
      throw new UketsukeError('store-unusable', `There is no file "${path}" to move from.`)
    }
    let db: Connection | null = null
    try {
      db = new Connection(await open(path))
      await take(db)
      await migrate(db, path)
      return archive(db, path)
    } catch (error) {
      await db?.close()
      throw inUse(path, error) ?? toOpenError(path, error)
    }
  }
}

/**
 * Every connection to a write-ahead log keeps a shared lock on the file for as long as it is open, idle or not. In this mode SQLite
 * wants the file alone before it touches the log, and then keeps it: so this waits for whoever is just closing, and fails where anybody stays.
 */
async function take(db: Connection): Promise<void> {
  await db.read((sql) =>
    sql.script('PRAGMA busy_timeout = 0; PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL'),
  )
  await db.read((sql) => sql.get('PRAGMA journal_mode = WAL'))
  await db.write((sql) => sql.script('PRAGMA user_version'))
}

function inUse(path: string, error: unknown): UketsukeError | null {
  if (!(error instanceof UketsukeError) || error.code !== 'temporarily-unavailable') return null
  const sentence = `"${path}" is in use by another process: stop every worker and every server on it, then run this again.`
  return new UketsukeError('store-unusable', sentence, { cause: error })
}

function archive(db: Connection, path: string): RawTables {
  const select = (shelf: TableName) => `SELECT ${columns(shelf).join(', ')} FROM ${shelf}`
  const order = (shelf: TableName, way = '') => `ORDER BY ${keyOf(shelf).map((name) => name + way)}`
  return {
    where: `SQLite "${path}"`,
    read: (shelf, after, limit) =>
      db.read((sql) => {
        const key = keyOf(shelf)
        const where = after === null ? '' : `WHERE (${key}) > (${key.map(() => '?')})`
        return sql.all(`${select(shelf)} ${where} ${order(shelf)} LIMIT ?`, ...valuesOf(after, key), limit) as Row[]
      }),
    last: (shelf) =>
      db.read((sql) => (sql.get(`${select(shelf)} ${order(shelf, ' DESC')} LIMIT 1`) ?? null) as Row | null),
    write: (shelf, rows) =>
      db.write((sql) => {
        const names = columns(shelf)
        const insert = `INSERT INTO ${shelf} (${names}) VALUES (${names.map(() => '?')}) ${onConflict(shelf)}`
        for (const row of rows) sql.run(insert, ...valuesOf(row, names))
      }),
    // The lock on the file is kept.
    async alone() {},
    close: () => db.close(),
  }
}

const keyOf = (shelf: TableName) => layout(shelf).key
const valuesOf = (row: Row | null, names: readonly string[]): Parameter[] =>
  row === null ? [] : names.map((name) => row[name] ?? null)
