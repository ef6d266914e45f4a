import { createHash } from 'node:crypto'
import { type Archive, columns, isNote, type Row, type Shelf } from '../store/raw-tables.ts'
import { pages } from './pages.ts'

/** What is on one shelf: how many rows, and the sum of their hashes, which no order changes. */
export interface Sum {
  readonly rows: number
  readonly checksum: string
}

export async function sum(archive: Archive, shelf: Shelf): Promise<Sum> {
  let [rows, total] = [0, 0n]
  for await (const page of pages(archive, shelf, null)) {
    for (const row of page.filter(moves)) {
      rows++
      total += hash(shelf, row)
    }
  }
  return { rows, checksum: BigInt.asUintN(256, total).toString(16).padStart(64, '0') }
}

/** The notes about moves are each store's own. */
export const moves = (row: Row): boolean => !isNote(row.name)

function hash(shelf: Shelf, row: Row): bigint {
  const canonical = JSON.stringify(columns(shelf).map((name) => row[name] ?? null))
  return BigInt(`0x${createHash('sha256').update(canonical).digest('hex')}`)
}
