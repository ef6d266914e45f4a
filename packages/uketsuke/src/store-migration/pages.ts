import type { RawTables, Row, TableName } from '../store/raw-tables.ts'

/** Target size of a page in characters. Payloads range from two bytes to megabytes. */
const pageSize = 4 << 20
/**
 * Row limit of a page. The row count follows from the size of the last page; this limits the error if long rows follow
 * short ones.
 */
const mostRows = 200

/** The rows of a table after `after`, one page at a time, in key order. */
export async function* pages(store: RawTables, table: TableName, after: Row | null): AsyncGenerator<Row[]> {
  let [last, limit] = [after, 20]
  for (;;) {
    const rows = await store.read(table, last, limit)
    if (rows.length === 0) return
    last = rows.at(-1)!
    yield rows
    const size = rows.reduce((total, row) => total + weight(row), 0)
    limit = Math.max(1, Math.min(mostRows, Math.floor((rows.length * pageSize) / size)))
  }
}

const weight = (row: Row): number =>
  Object.values(row).reduce<number>((total, value) => total + (typeof value === 'string' ? value.length : 8), 1)
