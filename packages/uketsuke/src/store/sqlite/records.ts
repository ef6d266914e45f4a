import { allOwners, type Owner } from '../port.ts'
import type { StoredRecord } from '../records.ts'
import type { Row, Sql } from './connection.ts'
import type { Parameter } from './open.ts'

const select = 'SELECT kind, id, owner, value FROM records WHERE kind = ?'
const toRecord = (row: Row): StoredRecord => ({ ...row }) as unknown as StoredRecord
const owned = (owner: Owner): [string, Parameter[]] => (owner === allOwners ? ['', []] : ['AND owner = ?', [owner]])

export function getRecord(sql: Sql, kind: string, owner: Owner, id: string): StoredRecord | null {
  const [mine, whose] = owned(owner)
  const row = sql.get(`${select} AND id = ? ${mine}`, kind, id, ...whose)
  return row === undefined ? null : toRecord(row)
}

export function listRecords(sql: Sql, kind: string, owner: Owner, after: string | null, limit: number): StoredRecord[] {
  const [mine, whose] = owned(owner)
  return sql.all(`${select} AND id > ? ${mine} ORDER BY id LIMIT ?`, kind, after ?? '', ...whose, limit).map(toRecord)
}

export function updateRecord(
  sql: Sql,
  kind: string,
  owner: string,
  id: string,
  change: (value: string | null) => string | null,
): string | null {
  const stored = getRecord(sql, kind, allOwners, id)
  if (stored !== null && stored.owner !== owner) return null
  const value = change(stored?.value ?? null)
  if (value === null) return null
  const upsert = 'ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value'
  sql.run(`INSERT INTO records (kind, id, owner, value) VALUES (?, ?, ?, ?) ${upsert}`, kind, id, owner, value)
  return value
}

export function appendRecords(
  sql: Sql,
  kind: string,
  entries: readonly Omit<StoredRecord, 'kind'>[],
  most: number,
): void {
  const text = `INSERT INTO records (kind, id, owner, value) VALUES (?, ?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET value = substr(value || excluded.value, ?) WHERE owner = excluded.owner`
  for (const { id, owner, value } of entries) sql.run(text, kind, id, owner, value.slice(-most), -most)
}

export function removeRecord(sql: Sql, kind: string, owner: Owner, id: string): boolean {
  const [mine, whose] = owned(owner)
  return sql.run(`DELETE FROM records WHERE kind = ? AND id = ? ${mine}`, kind, id, ...whose) === 1
}
