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

/** What became of one shelf. */
export interface MigrationResult extends Checksum {
  readonly shelf: TableName
  /** How many of the rows were there already, from a move that had been interrupted. */
  readonly before: number
}

/**
 * Carries everything from one store to another: read in the order of the key and written a page a commit, so that an interrupted move
 * goes on from the last row that arrived. Both stores are held alone meanwhile. A target that has been begun opens for nobody until
 * the move is done; a source that was left opens for nobody any more. In between either works only by finishing the move.
 * @throws {UketsukeError} `store-unusable`
 */
export async function migrateStore(
  from: OpenRawTables,
  to: OpenRawTables,
  heard: (moved: MigrationResult) => void,
): Promise<MigrationResult[]> {
  const source = await from({ create: false })
  try {
    const target = await to({ create: true })
    try {
      return await carry(source, target, heard)
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function carry(
  source: RawTables,
  target: RawTables,
  heard: (moved: MigrationResult) => void,
): Promise<MigrationResult[]> {
  const into = await admit(source, target)
  if (into.done) return []
  await note(target, migrationNotes.into, JSON.stringify(into))
  await target.alone()
  const moved: MigrationResult[] = []
  for (const shelf of Object.keys(tables) as TableName[]) {
    moved.push(await copy(source, target, shelf))
    heard(moved.at(-1)!)
  }
  for (const archive of [source, target]) await archive.alone()
  // The source first: with both notes missing or the source's there, nothing can run twice, and running this again finishes it.
  await note(source, migrationNotes.out, target.where)
  await note(target, migrationNotes.into, JSON.stringify({ ...into, done: true }))
  return moved
}

/** What the target is to note about this move. @throws `store-unusable` where it has jobs that came another way */
async function admit(source: RawTables, target: RawTables): Promise<MigrationTarget> {
  const [here, there] = [await noted(source), await noted(target)]
  const id = here.get(migrationNotes.source) ?? randomUUID()
  if (!here.has(migrationNotes.source)) await note(source, migrationNotes.source, id)
  const known = there.get(migrationNotes.into)
  const into = known === undefined ? null : (JSON.parse(known) as MigrationTarget)
  if (into?.source === id) return into
  if (here.has(migrationNotes.out)) {
    throw new UketsukeError(
      'store-unusable',
      `The jobs of ${source.where} have moved to ${here.get(migrationNotes.out)} already.`,
    )
  }
  const found = await Promise.all(
    (['jobs', 'attempts', 'idempotency_keys'] as const).map((shelf) => target.last(shelf)),
  )
  if (into?.done === false || found.some((row) => row !== null)) {
    const sentence = `${target.where} has jobs that are not of ${source.where}`
    throw new UketsukeError('store-unusable', `${sentence}: name an empty or a new one to move to.`)
  }
  return { source: id, from: source.where, done: false }
}

async function copy(source: RawTables, target: RawTables, shelf: TableName): Promise<MigrationResult> {
  const arrived = shelf === 'shared' ? null : await target.last(shelf)
  let written = 0
  for await (const page of pages(source, shelf, arrived)) {
    const rows = page.filter(isMigrated)
    await target.write(shelf, rows)
    written += rows.length
  }
  const [left, there] = await Promise.all([sum(source, shelf), sum(target, shelf)])
  if (left.rows !== there.rows || left.checksum !== there.checksum) {
    const sentence = `${shelf}: ${left.rows} rows, checksum ${left.checksum} in ${source.where}, but ${there.rows} rows, checksum ${there.checksum} in ${target.where}`
    throw new UketsukeError(
      'store-unusable',
      `${sentence}. Nothing was lost in the first; empty the second and run this again.`,
    )
  }
  return { shelf, ...left, before: left.rows - written }
}

async function noted(archive: RawTables): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const rows of pages(archive, 'shared', null)) {
    for (const { name, value } of rows) if (isNote(name)) found.set(String(name), String(value))
  }
  return found
}

const note = (archive: RawTables, name: string, value: string) => archive.write('shared', [{ name, value }])
