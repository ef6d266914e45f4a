import { UketsukeError } from '../domain/errors.ts'
import { numberColumns, textColumns } from './columns.ts'
import type { StoredValue } from './text-encoding.ts'

/** One stored row by column name. Errors stay text, so that unreadable ones are migrated unchanged. */
export type Row = Readonly<Record<string, StoredValue>>

interface Layout {
  /** The primary key, which is also the order in which rows are read. */
  readonly key: readonly string[]
  readonly text: readonly string[]
  readonly numbers: readonly string[]
}

/** The tables and columns that all engines have in common. */
export const tables = {
  jobs: {
    key: ['id'],
    text: textColumns,
    numbers: numberColumns,
  },
  attempts: {
    key: ['job_id', 'version'],
    text: ['job_id', 'worker', 'outcome', 'error'],
    numbers: ['version', 'attempt', 'started_at', 'ended_at'],
  },
  idempotency_keys: {
    key: ['owner', 'route', 'key'],
    text: ['owner', 'route', 'key', 'fingerprint', 'job_id'],
    numbers: ['expires_at'],
  },
  key_states: { key: ['key'], text: ['key', 'state'], numbers: [] },
  unique_keys: { key: ['key'], text: ['key', 'job_id'], numbers: [] },
  fragments: { key: ['job_id', 'kind', 'key'], text: ['job_id', 'kind', 'key', 'value'], numbers: [] },
  records: { key: ['kind', 'id'], text: ['kind', 'id', 'owner', 'value'], numbers: [] },
  shared: { key: ['name'], text: ['name', 'value'], numbers: [] },
} as const satisfies Record<string, Layout>

export type TableName = keyof typeof tables

export const layout = (table: TableName): Layout => tables[table]
export const columns = (table: TableName): string[] => [...tables[table].text, ...tables[table].numbers]
/** The conflict clause for a row whose key exists; valid in SQLite and PostgreSQL. */
export const onConflict = (table: TableName): string =>
  `ON CONFLICT ${table === 'shared' ? '(name) DO UPDATE SET value = excluded.value' : 'DO NOTHING'}`

/**
 * Exclusive access to the tables of a store, for migrating it to another one. While it is open, no other process can
 * write to the store. Opening a store that is in use fails with `store-unusable`.
 */
export interface RawTables {
  /** The engine and its location, without a password. */
  readonly where: string
  /** Up to `limit` rows after the key of `after`, in bytewise key order. */
  read(table: TableName, after: Row | null, limit: number): Promise<Row[]>
  /** The row with the highest key. */
  last(table: TableName): Promise<Row | null>
  /** Writes rows in one commit. A row whose key exists is left unchanged, except in `shared`, where it is replaced. */
  write(table: TableName, rows: readonly Row[]): Promise<void>
  /** Checks that access is still exclusive. @throws {UketsukeError} `store-unusable` */
  checkExclusive(): Promise<void>
  close(): Promise<void>
}

/** Opens the raw tables of a store. With `create`, a missing store is created empty. */
export type OpenRawTables = (how: { create: boolean }) => Promise<RawTables>

/** Names of the shared values that record migrations. They belong to their store and are never migrated. */
export const migrationNotes = { source: 'move.source', into: 'move.into', out: 'move.out' } as const
export const isNote = (name: unknown): boolean => Object.values<unknown>(migrationNotes).includes(name)

/** What a migration target records about its source. */
export interface MigrationTarget {
  readonly source: string
  readonly from: string
  readonly done: boolean
}

/**
 * Called when a store is opened for work. `value` reads one of its `migrationNotes`.
 * @throws {UketsukeError} `store-unusable` if the store has been migrated away, or is the target of an incomplete
 * migration
 */
export function checkMigrated(where: string, value: (note: string) => string | undefined): void {
  const out = value(migrationNotes.out)
  if (out) {
    const sentence = `${where} is locked: it has been migrated to ${out}`
    throw new UketsukeError('store-unusable', `${sentence}. Use that store: here, the jobs would run a second time.`)
  }
  const into = value(migrationNotes.into)
  const { done, from } = into ? (JSON.parse(into) as MigrationTarget) : { done: true, from: '' }
  if (!done) {
    const sentence = `The migration from ${from} to ${where} is incomplete`
    throw new UketsukeError('store-unusable', `${sentence}: run the same "uketsuke migrate --from … --to …" again.`)
  }
}
