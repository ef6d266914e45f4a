import { allOwners, type Owner } from '../port.ts'
import type { RecordStore, StoredRecord } from '../records.ts'
import type { Sql } from './connection.ts'

const columns = 'kind, id, owner, value'
const nobody = (owner: Owner): string | null => (owner === allOwners ? null : owner)
const mine = (position: number) => `($${position}::text IS NULL OR owner = $${position})`

type Run = <T>(work: (sql: Sql, maybeCommitted: boolean) => Promise<T>) => Promise<T>
type Transaction = <T>(work: (sql: Sql) => Promise<T>) => Promise<T>

export function recordStore(run: Run, transaction: Transaction): RecordStore {
  return {
    get: (kind, owner, id) =>
      run(async (sql) => {
        const text = `SELECT ${columns} FROM uketsuke.records WHERE kind = $1 AND id = $2 AND ${mine(3)}`
        const [row] = await sql.query(text, [kind, id, nobody(owner)])
        return row === undefined ? null : toRecord(row)
      }),
    list: (kind, owner, after, limit) =>
      run(async (sql) => {
        const text = `SELECT ${columns} FROM uketsuke.records WHERE kind = $1 AND id > $2 AND ${mine(3)} ORDER BY id LIMIT $4`
        return (await sql.query(text, [kind, after ?? '', nobody(owner), limit])).map(toRecord)
      }),
    update: (kind, owner, id, change) => transaction((sql) => update(sql, { kind, owner, id }, change)),
    append: (kind, entries, most) =>
      run(async (sql, maybeCommitted) => {
        // Twice the same lines would be worse than none.
        if (entries.length === 0 || maybeCommitted) return
        await sql.query(
          `INSERT INTO uketsuke.records (${columns})
           SELECT $1, id, owner, value FROM unnest($2::text[], $3::text[], $4::text[]) AS new (id, owner, value) ORDER BY id
           ON CONFLICT (kind, id) DO UPDATE SET value = right(records.value || excluded.value, $5::int)
           WHERE records.owner = excluded.owner`,
          [
            kind,
            entries.map(({ id }) => id),
            entries.map(({ owner }) => owner),
            entries.map(({ value }) => value.slice(-most)),
            most,
          ],
        )
      }),
    remove: (kind, owner, id) =>
      run(async (sql, maybeCommitted) => {
        const text = `DELETE FROM uketsuke.records WHERE kind = $1 AND id = $2 AND ${mine(3)} RETURNING id`
        // After a try whose response was lost, the record is gone because that try removed it.
        return (await sql.query(text, [kind, id, nobody(owner)])).length === 1 || maybeCommitted
      }),
  }
}

async function update(
  sql: Sql,
  { kind, owner, id }: Omit<StoredRecord, 'value'>,
  change: (value: string | null) => string | null,
): Promise<string | null> {
  const lock = 'SELECT owner, value FROM uketsuke.records WHERE kind = $1 AND id = $2 FOR UPDATE'
  for (;;) {
    const [stored] = await sql.query(lock, [kind, id])
    if (stored !== undefined && stored.owner !== owner) return null
    const value = change((stored?.value as string | undefined) ?? null)
    if (value === null) return null
    const text =
      stored === undefined
        ? `INSERT INTO uketsuke.records (${columns}) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id`
        : 'UPDATE uketsuke.records SET value = $4 WHERE kind = $1 AND id = $2 AND owner = $3 RETURNING id'
    // An insert that met another one has waited for its commit: the next look finds the row.
    if ((await sql.query(text, [kind, id, owner, value])).length === 1) return value
  }
}

const toRecord = (row: Record<string, unknown>): StoredRecord => ({ ...row }) as unknown as StoredRecord
