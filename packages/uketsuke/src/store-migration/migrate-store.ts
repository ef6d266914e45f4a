import { randomUUID } from 'node:crypto'
import { UketsukeError } from '../domain/errors.ts'
import {
  isNote,
  type MigrationTarget,
  migrationNotes,
  type OpenRawTables,
  type RawTables,
  type TableName,
  tables,
} from '../store/raw-tables.ts'
import { type Checksum, isMigrated, sum } from './checksum.ts'
import { pages } from './pages.ts'

/** The result for one table. */
export interface MigrationResult extends Checksum {
  readonly table: TableName
  /** Number of rows that an earlier, interrupted run had already copied. */
  readonly before: number
}

/**
 * Copies everything from one store to another. Rows are read in key order and written one page per commit, so that an
 * interrupted migration resumes after the last row that arrived. Both stores are locked exclusively meanwhile. The
 * target cannot be opened for work until the migration is complete; afterwards the source cannot be opened for work.
 * `onTable` is called after each table.
 * @throws {UketsukeError} `store-unusable`
 */
export async function migrateStore(
  from: OpenRawTables,
  to: OpenRawTables,
  onTable: (result: MigrationResult) => void,
): Promise<MigrationResult[]> {
  const source = await from({ create: false })
  try {
    const target = await to({ create: true })
    try {
      return await copyAll(source, target, onTable)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function copyAll(
  source: RawTables,
  target: RawTables,
  onTable: (result: MigrationResult) => void,
): Promise<MigrationResult[]> {
  const into = await checkTarget(source, target)
  if (into.done) return []
  await note(target, migrationNotes.into, JSON.stringify(into))
  await target.checkExclusive()
  const moved: MigrationResult[] = []
  for (const table of Object.keys(tables) as TableName[]) {
    moved.push(await copy(source, target, table))
    onTable(moved.at(-1)!)
  }
  for (const store of [source, target]) await store.checkExclusive()
  // The source first: if only its note was written, no job can run twice, and another run completes the migration.
  await note(source, migrationNotes.out, target.where)
  await note(target, migrationNotes.into, JSON.stringify({ ...into, done: true }))
  return moved
}

/** The note of this migration for the target. @throws {UketsukeError} `store-unusable` if the target has other jobs */
async function checkTarget(source: RawTables, target: RawTables): Promise<MigrationTarget> {
  const [here, there] = [await noted(source), await noted(target)]
  const id = here.get(migrationNotes.source) ?? randomUUID()
  if (!here.has(migrationNotes.source)) await note(source, migrationNotes.source, id)
  const known = there.get(migrationNotes.into)
  const into = known === undefined ? null : (JSON.parse(known) as MigrationTarget)
  if (into?.source === id) return into
  if (here.has(migrationNotes.out)) {
    throw new UketsukeError(
      'store-unusable',
      `${source.where} has already been migrated to ${here.get(migrationNotes.out)}.`,
    )
  }
  const found = await Promise.all(
    (['jobs', 'attempts', 'idempotency_keys', 'key_states', 'unique_keys', 'records'] as const).map((table) =>
      target.last(table),
    ),
  )
  if (into?.done === false || found.some((row) => row !== null)) {
    const sentence = `${target.where} contains jobs that are not from ${source.where}`
    throw new UketsukeError('store-unusable', `${sentence}: specify an empty or new target.`)
  }
  return { source: id, from: source.where, done: false }
}

async function copy(source: RawTables, target: RawTables, table: TableName): Promise<MigrationResult> {
  const arrived = table === 'shared' ? null : await target.last(table)
  let written = 0
  for await (const page of pages(source, table, arrived)) {
    const rows = page.filter(isMigrated)
    await target.write(table, rows)
    written += rows.length
  }
  const [left, there] = await Promise.all([sum(source, table), sum(target, table)])
  if (left.rows !== there.rows || left.checksum !== there.checksum) {
    const sentence = `${table}: ${left.rows} rows, checksum ${left.checksum} in ${source.where}, but ${there.rows} rows, checksum ${there.checksum} in ${target.where}`
    throw new UketsukeError(
      'store-unusable',
      `${sentence}. The source is intact: empty the target and run this command again.`,
    )
  }
  return { table, ...left, before: left.rows - written }
}

async function noted(store: RawTables): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const rows of pages(store, 'shared', null)) {
    for (const { name, value } of rows) if (isNote(name)) found.set(String(name), String(value))
  }
  return found
}

const note = (store: RawTables, name: string, value: string) => store.write('shared', [{ name, value }])
