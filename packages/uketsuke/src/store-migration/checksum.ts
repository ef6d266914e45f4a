import { createHash } from 'node:crypto'
import { columns, isNote, type RawTables, type Row, type TableName } from '../store/raw-tables.ts'
import { pages } from './pages.ts'

/** The number of rows in a table, and the sum of their SHA-256 hashes, which does not depend on the row order. */
export interface Checksum {
  readonly rows: number
  readonly checksum: string
}

export async function sum(store: RawTables, table: TableName): Promise<Checksum> {
  let [rows, total] = [0, 0n]
  for await (const page of pages(store, table, null)) {
    for (const row of page.filter(isMigrated)) {
      rows++
      total += hash(table, row)
    }
  }
  return { rows, checksum: BigInt.asUintN(256, total).toString(16).padStart(64, '0') }
}

/** Migration notes belong to their store and are not migrated. */
export const isMigrated = (row: Row): boolean => !isNote(row.name)

function hash(table: TableName, row: Row): bigint {
  const canonical = JSON.stringify(columns(table).map((name) => row[name] ?? null))
  return BigInt(`0x${createHash('sha256').update(canonical).digest('hex')}`)
}
