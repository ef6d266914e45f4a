import { UketsukeError } from '../domain/errors.ts'
import { numberColumns, textColumns } from './columns.ts'
import type { StoredValue } from './text-encoding.ts'

/** One row as it is stored, by its columns. Errors are text here: what cannot be read is moved as it stands. */
export type Row = Readonly<Record<string, StoredValue>>

interface Layout {
  /** What a row is known by, and the order in which rows are read. */
  readonly key: readonly string[]
  readonly text: readonly string[]
  readonly numbers: readonly string[]
}

/** What a store keeps, shelf by shelf: the tables and columns that every engine has in common. */
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
  shared: { key: ['name'], text: ['name', 'value'], numbers: [] },
} as const satisfies Record<string, Layout>

export type TableName = keyof typeof tables

export const layout = (shelf: TableName): Layout => tables[shelf]
export const columns = (shelf: TableName): string[] => [...tables[shelf].text, ...tables[shelf].numbers]
/** How a row is written whose key is there, in the words of SQLite and PostgreSQL alike. */
export const onConflict = (shelf: TableName): string =>
  `ON CONFLICT ${shelf === 'shared' ? '(name) DO UPDATE SET value = excluded.value' : 'DO NOTHING'}`

/**
 * A store that nobody works on, for whoever carries all of it elsewhere. While it is open, no other process writes to it: opening one
 * that is in use fails with `store-unusable`.
 */
export interface RawTables {
  /** Which engine and where, without a password. */
  readonly where: string
  /** At most `limit` rows after the one with the key of `after`, in the order of the key, byte by byte. */
  read(shelf: TableName, after: Row | null, limit: number): Promise<Row[]>
  /** The row with the highest key. */
  last(shelf: TableName): Promise<Row | null>
  /** One commit. A row whose key is there already is left alone; of `shared`, it is replaced. */
  write(shelf: TableName, rows: readonly Row[]): Promise<void>
  /** Whether nobody else has come since. @throws `store-unusable` */
  alone(): Promise<void>
  close(): Promise<void>
}

/** Opens the archive of a store. With `create`, an empty one is made where there is none. */
export type OpenRawTables = (how: { create: boolean }) => Promise<RawTables>

/** Notes about moves, among the shared values. They belong to their store and are never moved. */
export const migrationNotes = { source: 'move.source', into: 'move.into', out: 'move.out' } as const
export const isNote = (name: unknown): boolean => Object.values<unknown>(migrationNotes).includes(name)

/** What a store that takes in another's rows notes about it. */
export interface MigrationTarget {
  readonly source: string
  readonly from: string
  readonly done: boolean
}

/** Whoever opens a store for work asks this, with its notes. @throws `store-unusable` for a store that was left, or is half moved into */
export function checkMoves(where: string, value: (note: string) => string | undefined): void {
  const out = value(migrationNotes.out)
  if (out) {
    const sentence = `The jobs of ${where} have moved to ${out}`
    throw new UketsukeError(
      'store-unusable',
      `${sentence}: use that, or an empty store. Here they would run a second time.`,
    )
  }
  const into = value(migrationNotes.into)
  const { done, from } = into ? (JSON.parse(into) as MigrationTarget) : { done: true, from: '' }
  if (!done) {
    const sentence = `A move from ${from} to ${where} has not come to its end`
    throw new UketsukeError('store-unusable', `${sentence}: run the same "uketsuke migrate --from … --to …" again.`)
  }
}
