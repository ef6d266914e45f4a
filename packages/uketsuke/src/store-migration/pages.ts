import type { RawTables, Row, TableName } from '../store/raw-tables.ts'

/** A page of rows may hold about this much text: payloads are anything from two bytes to megabytes. */
const pageSize = 4 << 20
/** The next page is guessed from the last one; where short rows are followed by long ones, this is what bounds the surprise. */
const mostRows = 200

/** All rows of a shelf after one, a page at a time, in the order of the key. */
export async function* pages(archive: RawTables, shelf: TableName, after: Row | null): AsyncGenerator<Row[]> {
  let [last, limit] = [after, 20]
  for (;;) {
    const rows = await archive.read(shelf, last, limit)
    if (rows.length === 0) return
    last = rows.at(-1)!
    yield rows
    const size = rows.reduce((total, row) => total + weight(row), 0)
    limit = Math.max(1, Math.min(mostRows, Math.floor((rows.length * pageSize) / size)))
  }
}

const weight = (row: Row): number =>
  Object.values(row).reduce<number>((total, value) => total + (typeof value === 'string' ? value.length : 8), 1)
