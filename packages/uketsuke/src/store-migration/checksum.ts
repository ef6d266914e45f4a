import { createHash } from 'node:crypto'
import { columns, isNote, type RawTables, type Row, type TableName } from '../store/raw-tables.ts'
import { pages } from './pages.ts'

/** What is on one shelf: how many rows, and the sum of their hashes, which no order changes. */
export interface Checksum {
  readonly rows: number
  readonly checksum: string
}

export async function sum(archive: RawTables, shelf: TableName): Promise<Checksum> {
  let [rows, total] = [0, 0n]
  for await (const page of pages(archive, shelf, null)) {
    for (const row of page.filter(isMigrated)) {
      rows++
      total += hash(shelf, row)
    }
  }
  return { rows, checksum: BigInt.asUintN(256, total).toString(16).padStart(64, '0') }
}

/** The notes about moves are each store's own. */
export const isMigrated = (row: Row): boolean => !isNote(row.name)

function hash(shelf: TableName, row: Row): bigint {
  const canonical = JSON.stringify(columns(shelf).map((name) => row[name] ?? null))
  return BigInt(`0x${createHash('sha256').update(canonical).digest('hex')}`)
}
