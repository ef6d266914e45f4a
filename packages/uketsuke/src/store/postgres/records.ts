import { allOwners, type Owner } from '../port.ts'
import type { RecordStore, StoredRecord } from '../records.ts'
import type { Sql } from './connection.ts'

const columns = 'kind, id, owner, version, value'
const nobody = (owner: Owner): string | null => (owner === allOwners ? null : owner)
const mine = (position: number) => `($${position}::text IS NULL OR owner = $${position})`

type Run = <T>(work: (sql: Sql, maybeCommitted: boolean) => Promise<T>) => Promise<T>

export function recordStore(run: Run): RecordStore {
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
    put: (record) => run((sql, maybeCommitted) => put(sql, record, maybeCommitted)),
    remove: (kind, owner, id) =>
      run(async (sql, maybeCommitted) => {
        const text = `DELETE FROM uketsuke.records WHERE kind = $1 AND id = $2 AND ${mine(3)} RETURNING id`
        // After a try whose response was lost, the record is gone because that try removed it.
        return (await sql.query(text, [kind, id, nobody(owner)])).length === 1 || maybeCommitted
      }),
  }
}

async function put(sql: Sql, { kind, id, owner, version, value }: StoredRecord, maybeCommitted: boolean) {
  const parameters = [kind, id, owner, version, value]
  const text =
    version === 1
      ? `INSERT INTO uketsuke.records (${columns}) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id`
      : `UPDATE uketsuke.records SET version = $4, value = $5
         WHERE kind = $1 AND id = $2 AND owner = $3 AND version = $4 - 1 RETURNING id`
  if ((await sql.query(text, parameters)).length === 1) return true
  if (!maybeCommitted) return false
  // The response of a first try was lost: the same row means that it was committed.
  const [row] = await sql.query(
    'SELECT FROM uketsuke.records WHERE (kind, id, owner, version, value) = ($1, $2, $3, $4, $5)',
    parameters,
  )
  return row !== undefined
}

const toRecord = (row: Record<string, unknown>): StoredRecord =>
  ({ ...row, version: Number(row.version) }) as StoredRecord
